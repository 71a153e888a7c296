//! A device exchanges its refresh token for new tokens (RFC 6749 §6, RFC 9700 §4.14).

use chrono::{DateTime, TimeDelta, Utc};

use super::authenticate_client::AuthenticatedClient;
use super::connection_lifetimes::ConnectionLifetimes;
use super::dpop::Proof;
use super::oauth_error::{ErrorCode, OAuthError};
use super::own_audiences::OwnAudiences;
use super::token_families::Ending;
use super::tokens::{self, Grant, IssuedTokens};
use super::{audit, granting, policies, token_families};
use crate::app::App;
use crate::model::audit_event::{Action, Outcome};
use crate::model::bearer_secret::{BearerSecret, SecretHash, SecretKind};
use crate::model::client::GrantType;
use crate::model::ids::{ClientId, RefreshTokenId};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::policy::trust::TrustPolicy;
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::model::tenant::Tenant;
use crate::model::token_family::{PresentedRefreshToken, RevocationReason, TokenFamily, Trust, TrustLoss};
use crate::model::user::Standing;
use crate::store;
use crate::store::refresh_tokens::NewRefreshToken;
use crate::store::refresh_tokens::rotations::{Ground, PlainCase, Rotation};

/// How long after its exchange a token is accepted again, if nobody has used its successor: the time of a lost
/// answer, or of two programs of one device that refresh at once (RFC 9700 §4.14.2).
const GRACE: TimeDelta = TimeDelta::seconds(30);
/// How often an exchange is tried while others of the same token come first.
const MAX_ATTEMPTS: usize = 5;

/// What a client sends (RFC 6749 §6).
#[derive(Debug)]
pub struct RefreshRequest {
    /// `refresh_token`
    pub refresh_token: BearerSecretText,
    /// `scope`, to narrow what the access token allows.
    pub scope: Option<String>,
    /// `resource` (RFC 8707 §2.2).
    pub resources: Vec<String>,
    /// The proof of a key (RFC 9449).
    pub proof: Option<Proof>,
}

impl RefreshRequest {
    fn dpop_key(&self) -> Option<KeyThumbprint> {
        self.proof.as_ref().map(Proof::key)
    }
}

/// A secret as it was sent, not yet read.
pub type BearerSecretText = zeroize::Zeroizing<String>;

/// What becomes of a presented token.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Exchange,
    /// It was exchanged a moment ago, and nobody has used its successor: the answer was lost, or two programs of one
    /// device refresh at once. The successor goes, and another one takes its place.
    Repeat {
        successor: SecretHash,
    },
    /// It was exchanged before: somebody has a copy. The family dies.
    Reused,
    /// It is too old or revoked, or a sibling took its place a moment ago.
    Dead,
    /// Its device or account is locked, and may be unlocked: the token stays as it is.
    Locked,
}

/// Whether this client, and where a key is needed this key, may use the token; anybody else finds it as unknown, and
/// its own finds it untouched.
fn belongs_to(family: &TokenFamily, client: &ClientId, dpop_key: Option<KeyThumbprint>) -> bool {
    family.client_id == *client && family.dpop_key.is_none_or(|key| key.is(dpop_key))
}

/// The rule. Of a family's tokens at most one is alive at any time, also while exchanges are repeated.
fn judge(presented: &PresentedRefreshToken, now: DateTime<Utc>) -> Verdict {
    let family = &presented.family;
    let lately = |at: DateTime<Utc>| now - at <= GRACE;
    let locked = match presented.user.standing {
        Standing::Good => presented.device_locked,
        Standing::Locked => true,
        // That is not undone by unlocking a device.
        Standing::Disabled => false,
    };
    if family.revoked_at.is_some() || now >= family.expires_at {
        return Verdict::Dead;
    }
    match (presented.rotated_at, presented.superseded_at, presented.unused_successor) {
        // Whoever holds it was overtaken by a sibling, and learns so without harm to the device.
        (_, Some(at), _) if lately(at) => Verdict::Dead,
        (Some(at), None, Some(_)) if lately(at) && locked => Verdict::Locked,
        (Some(at), None, Some(successor)) if lately(at) => Verdict::Repeat { successor },
        (Some(_), _, _) | (_, Some(_), _) => Verdict::Reused,
        (None, None, _) if now >= presented.expires_at => Verdict::Dead,
        (None, None, _) if locked => Verdict::Locked,
        (None, None, _) => Verdict::Exchange,
    }
}

/// What becomes of the trust in a device that refreshes with `key`: why it is lost, if it is.
fn trust_loss(
    trust: Option<Trust>,
    key: Option<KeyThumbprint>,
    family: &TokenFamily,
    policy: &TrustPolicy,
) -> Option<TrustLoss> {
    let trust = trust?;
    if trust.key != key {
        Some(TrustLoss::KeyChanged)
    } else if !policy.allows(family.dpop_key) {
        Some(TrustLoss::Policy)
    } else {
        None
    }
}

/// Exchanges a refresh token: the old one is spent, the new one and an access token are handed out.
///
/// Nearly always there is nothing to judge, and one statement does it. Where it finds anything else, it changes
/// nothing; then the token is looked up, and the rule says what becomes of it.
pub async fn refresh(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &RefreshRequest,
    origin: &RequestOrigin,
) -> Result<IssuedTokens, OAuthError> {
    client.require(GrantType::RefreshToken)?;
    let secret = BearerSecret::parse(SecretKind::RefreshToken, &request.refresh_token).ok_or_else(dead)?;
    let token = secret.hash();
    if let Some(tokens) = exchange_unseen(app, tenant, client, request, token, origin).await? {
        return Ok(tokens);
    }
    for attempt in 0..MAX_ATTEMPTS {
        let presented = app.queues.refresh_tokens.submit((tenant.id, token)).await?.ok_or_else(dead)?;
        if !belongs_to(&presented.family, &client.client_id, request.dpop_key()) {
            return Err(dead());
        }
        // Before the token is judged: a whole request that is sent again is no theft of the token.
        if let (0, Some(proof)) = (attempt, &request.proof) {
            proof.spend(app).await?;
        }
        let replaced = match judge(&presented, app.clock.now()) {
            Verdict::Exchange => token,
            Verdict::Repeat { successor } => successor,
            Verdict::Dead => return Err(dead()),
            Verdict::Locked if is_void(tenant, client, &presented) => return Err(dead()),
            Verdict::Locked => return Err(locked()),
            Verdict::Reused => {
                let ending = Ending::by_client(client, RevocationReason::RefreshTokenReused, origin);
                token_families::revoke_stolen(app, tenant.id, presented.family.id, ending).await?;
                return Err(dead());
            }
        };
        let renewal = renew(app, tenant, client, &presented, request).await?;
        let (secret, successor) = new_token(app, renewal.idle, renewal.ends_at);
        let tokens = issue(app, tenant, client, &presented, request, &renewal, secret).await?;
        let ground = Ground::Judged {
            presented: presented.id,
            earlier_end: (renewal.ends_at < presented.family.expires_at).then_some(renewal.ends_at),
            trust_loss: renewal.trust_loss,
        };
        let rotation = rotation(app, tenant, replaced, ground, successor, origin).await?;
        if app.queues.rotations.submit(rotation).await?.is_some() {
            metrics::counter!("latchkey_tokens_refreshed_total").increment(1);
            return Ok(tokens);
        }
        // Somebody else was first, a moment ago: what is true now?
    }
    Err(dead())
}

/// The exchange of a token that nobody has looked at, if its case is the plain one. The tokens are signed afterwards,
/// with a key that is at hand before; should the answer be lost, the device asks again within [`GRACE`].
async fn exchange_unseen(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &RefreshRequest,
    token: SecretHash,
    origin: &RequestOrigin,
) -> Result<Option<IssuedTokens>, OAuthError> {
    // A proof is spent once the token is known to be its key's, and whoever wants less may want what there is not.
    if request.proof.is_some() || request.scope.is_some() || !request.resources.is_empty() {
        return Ok(None);
    }
    let keys = tokens::keys(app, tenant, client).await?;
    let audiences = OwnAudiences::of(app, tenant).await?;
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let lifetimes = ConnectionLifetimes::usual(&app.config.tokens, &policies::effective(app, tenant, client));
    let plain = PlainCase {
        client: client.client_id.clone(),
        scopes: granting::grantable_unseen(client, &catalogue),
        not_before: granting::not_before(tenant, client),
        longest: lifetimes.absolute,
    };
    let (secret, successor) = new_token(app, lifetimes.idle, DateTime::<Utc>::MAX_UTC);
    let rotation = rotation(app, tenant, token, Ground::Plain(plain), successor, origin).await?;
    let Some(presented) = app.queues.rotations.submit(rotation).await? else { return Ok(None) };
    metrics::counter!("latchkey_tokens_refreshed_total").increment(1);
    let (family, user) = (presented.family, presented.user);
    let grant = Grant {
        tenant,
        client,
        user: &user,
        device_id: family.device_id,
        scopes: &family.scopes,
        resources: &audiences.or_default(family.resources, &family.scopes),
        dpop_key: None,
        authentication: &family.authentication,
        ends_at: family.expires_at,
        nonce: None,
    };
    tokens::issue_with(app, &keys, &grant, Some(secret)).await.map(Some)
}

async fn rotation(
    app: &App,
    tenant: &Tenant,
    replaced: SecretHash,
    ground: Ground,
    successor: NewRefreshToken,
    origin: &RequestOrigin,
) -> store::Result<Rotation> {
    let now = app.clock.now();
    let action = Action::TokenRefreshed;
    let audit = audit::stamp(app, tenant.id, action, Outcome::Success, Some(origin), now).await?;
    Ok(Rotation { tenant: tenant.id, replaced, ground, successor, audit, origin: origin.clone(), at: now })
}

/// Clients throw their tokens away on `invalid_grant`; they keep them on this.
const fn locked() -> OAuthError {
    OAuthError::new(
        ErrorCode::Locked,
        "The device or its account is locked; keep the token and try again later.",
    )
}

/// Returns `true` if the family began before an instant that ended it.
fn is_void(tenant: &Tenant, client: &AuthenticatedClient, presented: &PresentedRefreshToken) -> bool {
    granting::is_void(presented.family.created_at, tenant, &presented.user, client)
}

fn dead() -> OAuthError {
    OAuthError::invalid_grant("The refresh token is unknown, used, expired or revoked.")
}

/// What the family may have from now on.
struct Renewal {
    /// What of its scopes it still has.
    scopes: ScopeSet,
    idle: TimeDelta,
    /// Its end, which only ever moves towards now.
    ends_at: DateTime<Utc>,
    trust_loss: Option<TrustLoss>,
}

/// How the family goes on, as the policy is now. Everything that was true at approval is asked again.
async fn renew(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    presented: &PresentedRefreshToken,
    request: &RefreshRequest,
) -> Result<Renewal, OAuthError> {
    let (family, user) = (&presented.family, &presented.user);
    if !user.is_active() || is_void(tenant, client, presented) {
        return Err(dead());
    }
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let scopes = granting::grantable(Some(&family.scopes), client, &catalogue, user, request.dpop_key());
    if !granting::brings_refresh_token(client, &scopes) {
        return Err(dead());
    }
    let policy = policies::effective(app, tenant, client);
    let trust_loss = trust_loss(presented.trust, request.dpop_key(), family, &policy.trust);
    let lifetimes = if presented.trust.is_some() && trust_loss.is_none() {
        ConnectionLifetimes::trusted(&policy)
    } else {
        ConnectionLifetimes::usual(&app.config.tokens, &policy)
    };
    let lifetimes = lifetimes.at_most(granting::longest(&scopes, &catalogue));
    let ends_at = family.expires_at.min(family.created_at + lifetimes.absolute);
    if app.clock.now() >= ends_at {
        return Err(dead());
    }
    Ok(Renewal { scopes, idle: lifetimes.idle, ends_at, trust_loss })
}

/// New tokens for the family.
async fn issue(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    presented: &PresentedRefreshToken,
    request: &RefreshRequest,
    renewal: &Renewal,
    secret: BearerSecret,
) -> Result<IssuedTokens, OAuthError> {
    let family = &presented.family;
    let for_access = granting::narrow(&renewal.scopes, request.scope.as_deref())?;
    let named = OwnAudiences::of(app, tenant).await?.or_default(family.resources.clone(), &for_access);
    let resources = granting::narrow_resources(&named, &request.resources)?;
    let grant = Grant {
        tenant,
        client,
        user: &presented.user,
        device_id: family.device_id,
        scopes: &for_access,
        resources: &resources,
        dpop_key: request.dpop_key(),
        authentication: &family.authentication,
        ends_at: renewal.ends_at,
        nonce: None,
    };
    tokens::issue(app, &grant, Some(secret)).await
}

/// A new refresh token, and how it is stored. It ends when it is not used for as long as `idle`, or with its family.
pub fn new_token(
    app: &App,
    idle: TimeDelta,
    family_ends_at: DateTime<Utc>,
) -> (BearerSecret, NewRefreshToken) {
    let now = app.clock.now();
    let secret = BearerSecret::generate(SecretKind::RefreshToken, &app.random);
    let stored = NewRefreshToken {
        id: RefreshTokenId(app.random.uuid_v7(now)),
        hash: secret.hash(),
        expires_at: (now + idle).min(family_ends_at),
    };
    (secret, stored)
}
