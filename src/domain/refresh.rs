//! A device exchanges its refresh token for new tokens (RFC 6749 §6, RFC 9700 §4.14).

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;

use super::authenticate_client::AuthenticatedClient;
use super::connection_lifetimes::ConnectionLifetimes;
use super::dpop::Proof;
use super::lost_answers::Delivery;
use super::oauth_error::{ErrorCode, OAuthError};
use super::own_audiences::OwnAudiences;
use super::token_families::Ending;
use super::tokens::{self, Grant, IssuedTokens};
use super::{audit, granting, mac_keys, policies, token_families};
use crate::app::App;
use crate::config::AuditedRefreshes;
use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_mac::EventStamp;
use crate::model::bearer_secret::BearerSecret;
use crate::model::client::{AuthMethod, Client, GrantType};
use crate::model::ids::ClientId;
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::policy::trust::TrustPolicy;
use crate::model::refresh_rule::{self, Presented};
use crate::model::refresh_token::RefreshToken;
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::model::tenant::Tenant;
use crate::model::token_family::{HeldToken, RevocationReason, TokenFamily, Trust, TrustLoss};
use crate::model::user::Standing;
use crate::secrets::MacKey;
use crate::store;
use crate::store::refresh_tokens::TokenName;
use crate::store::refresh_tokens::exchanges::{Exchange, Ground, PlainCase};
use crate::store::refresh_tokens::repeats::{self, Repeat, Repeated};
use crate::store::refresh_tokens::unanswered::Unanswered;

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
    /// The next generation is issued.
    Exchange,
    /// The same successor is issued again.
    Repeat { foreign: bool },
    /// Someone has a copy of the token. The device ends.
    Reused,
    /// It is too old or revoked.
    Dead,
    /// Its device or account is locked, and may be unlocked: the token stays as it is.
    Locked,
}

/// Whether this client, and where a key is needed this key, may use the token; anybody else finds it as unknown, and
/// its own finds it untouched.
fn belongs_to(family: &TokenFamily, client: &ClientId, dpop_key: Option<KeyThumbprint>) -> bool {
    family.client_id == *client && family.dpop_key.is_none_or(|key| key.is(dpop_key))
}

/// The rule of generations ([`refresh_rule`]), for a device that may be locked or have ended.
fn judge(held: &HeldToken, presented: &Presented, window: TimeDelta) -> Verdict {
    let family = &held.family;
    let locked = match held.user.standing {
        Standing::Good => held.device_locked,
        Standing::Locked => true,
        // That is not undone by unlocking a device.
        Standing::Disabled => false,
    };
    if family.revoked_at.is_some() || presented.at >= family.expires_at {
        return Verdict::Dead;
    }
    match refresh_rule::judge(presented, &held.stored, window) {
        refresh_rule::Verdict::Theft => Verdict::Reused,
        refresh_rule::Verdict::Unknown => Verdict::Dead,
        _ if presented.at >= held.idle_expires_at => Verdict::Dead,
        _ if locked => Verdict::Locked,
        refresh_rule::Verdict::Exchange { .. } => Verdict::Exchange,
        refresh_rule::Verdict::Repeat { foreign } => Verdict::Repeat { foreign },
    }
}

/// Whether the caller proves that it is the installation that the tokens were issued to. A secret that many
/// installations share proves nothing of the kind.
pub(super) fn is_proven(client: &Client, dpop_key: Option<KeyThumbprint>) -> bool {
    dpop_key.is_some() || client.auth_method == AuthMethod::PrivateKeyJwt
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

/// Exchanges a refresh token for the next generation and an access token, or repeats an exchange whose answer was lost.
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
    let key = mac_keys::tokens(app, tenant.id).await?;
    let token = RefreshToken::read(tenant.id, &key, &request.refresh_token).ok_or_else(dead)?;
    let asked = Asked { app, tenant, client, request, origin, key, token, arrived_at: app.clock.now() };
    if let Some(tokens) = asked.exchange_unseen().await? {
        return Ok(tokens);
    }
    let mut proof = request.proof.as_ref();
    loop {
        let held = app.observe(app.queues.refresh_tokens.submit(asked.name()).await)?;
        let held = held.ok_or_else(dead)?;
        if !belongs_to(&held.family, &client.client_id, request.dpop_key()) {
            return Err(dead());
        }
        // Before the token is judged: a whole request that is sent again is no theft of the token.
        if let Some(proof) = proof.take() {
            proof.spend(app).await?;
        }
        let window = TimeDelta::seconds(i64::from(app.config.tokens.refresh_repeat_seconds));
        let done = match judge(&held, &asked.presented(&held), window) {
            Verdict::Exchange => asked.exchange(&held).await?,
            Verdict::Repeat { foreign } => asked.repeat(&held, foreign).await?,
            Verdict::Dead => return Err(dead()),
            Verdict::Locked if is_void(tenant, client, &held) => return Err(dead()),
            Verdict::Locked => return Err(locked()),
            Verdict::Reused => {
                let ending = Ending::by_client(client, RevocationReason::RefreshTokenReused, origin);
                token_families::revoke_stolen(app, tenant.id, held.family.device_id, ending).await?;
                return Err(dead());
            }
        };
        if let Some(tokens) = done {
            metrics::counter!("latchkey_tokens_refreshed_total").increment(1);
            return Ok(tokens);
        }
        // The row has changed since it was read. What is true now?
    }
}

/// A request with the token that it presents.
struct Asked<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    client: &'a AuthenticatedClient,
    request: &'a RefreshRequest,
    origin: &'a RequestOrigin,
    key: Arc<MacKey>,
    token: RefreshToken,
    arrived_at: DateTime<Utc>,
}

impl Asked<'_> {
    fn name(&self) -> TokenName {
        TokenName { tenant: self.tenant.id, device: self.token.device(), hash: self.token.hash() }
    }

    /// The refresh token that this request is answered with.
    fn successor(&self) -> BearerSecret {
        self.token.successor().write(self.tenant.id, &self.key)
    }

    fn presented(&self, held: &HeldToken) -> Presented {
        Presented {
            generation: self.token.generation(),
            proven: is_proven(self.client, held.family.dpop_key),
            foreign: held.exchanged_from.is_some_and(|before| !self.is_near(before)),
            arrived_at: self.arrived_at,
            at: self.app.clock.now(),
        }
    }

    /// Whether an address is in the caller's network: IPv4 /24, IPv6 /48, or the same autonomous system.
    fn is_near(&self, before: IpAddr) -> bool {
        let here = self.origin.ip_address;
        let system = |address| self.app.geo.place_of(address).and_then(|place| place.asn);
        network(before) == network(here) || system(before).is_some_and(|asn| Some(asn) == system(here))
    }

    /// Notices if the answer with the next generation is lost.
    fn watch(&self, exchange: &Exchange) -> Delivery {
        self.app.lost_answers.watch(Unanswered {
            tenant: self.tenant.id,
            device: self.token.device(),
            generation: self.token.successor().generation(),
            issued_at: exchange.at,
        })
    }

    async fn to_store(&self, ground: Ground, idle: TimeDelta) -> store::Result<Exchange> {
        let now = self.app.clock.now();
        Ok(Exchange {
            token: self.name(),
            presented: self.token.generation(),
            ground,
            idle_expires_at: now + idle,
            is_audited: self.app.config.audit.refreshes == AuditedRefreshes::Each,
            audit: self.stamp(now).await?,
            origin: self.origin.clone(),
            at: now,
        })
    }

    async fn stamp(&self, now: DateTime<Utc>) -> store::Result<EventStamp> {
        let (app, tenant) = (self.app, self.tenant.id);
        audit::stamp(app, tenant, Action::TokenRefreshed, Outcome::Success, Some(self.origin), now).await
    }

    /// The exchange of a token that was not looked up, if its case is the plain one. The tokens are signed afterwards,
    /// with a key that is at hand before.
    async fn exchange_unseen(&self) -> Result<Option<IssuedTokens>, OAuthError> {
        let Self { app, tenant, client, request, .. } = *self;
        // A proof is spent once the token is known to be its key's, and whoever wants less may want what there is not.
        if request.proof.is_some() || request.scope.is_some() || !request.resources.is_empty() {
            return Ok(None);
        }
        let keys = tokens::keys(app, tenant, client).await?;
        let audiences = OwnAudiences::of(app, tenant).await?;
        let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
        let lifetimes =
            ConnectionLifetimes::usual(&app.config.tokens, &policies::effective(app, tenant, client));
        let plain = PlainCase {
            client: client.client_id.clone(),
            scopes: granting::grantable_unseen(client, &catalogue),
            not_before: granting::not_before(tenant, client),
            longest: lifetimes.absolute,
        };
        let exchange = self.to_store(Ground::Plain(plain), lifetimes.idle).await?;
        let delivery = self.watch(&exchange);
        let Some(exchanged) = app.observe(app.queues.exchanges.submit(exchange).await)? else {
            delivery.is_not_owed();
            return Ok(None);
        };
        metrics::counter!("latchkey_tokens_refreshed_total").increment(1);
        let grant = Grant {
            tenant,
            client,
            user: &exchanged.user,
            device_id: self.token.device(),
            scopes: &exchanged.scopes,
            resources: &audiences.or_default(exchanged.resources, &exchanged.scopes),
            dpop_key: None,
            authentication: &exchanged.authentication,
            ends_at: exchanged.expires_at,
            nonce: None,
        };
        let tokens = tokens::issue_with(app, &keys, &grant, Some(self.successor())).await?;
        Ok(Some(tokens.delivered_by(delivery)))
    }

    /// The exchange of a token that was judged. Returns `None` if the row has changed since.
    async fn exchange(&self, held: &HeldToken) -> Result<Option<IssuedTokens>, OAuthError> {
        let renewal = self.renew(held).await?;
        let tokens = self.issue(held, &renewal).await?;
        let ground = Ground::Judged {
            stored: held.stored.generation,
            earlier_end: (renewal.ends_at < held.family.expires_at).then_some(renewal.ends_at),
            trust_loss: renewal.trust_loss,
        };
        let exchange = self.to_store(ground, renewal.idle).await?;
        let delivery = self.watch(&exchange);
        if self.app.observe(self.app.queues.exchanges.submit(exchange).await)?.is_some() {
            return Ok(Some(tokens.delivered_by(delivery)));
        }
        delivery.is_not_owed();
        Ok(None)
    }

    /// The same exchange again. Returns `None` if the device may not have it any more.
    async fn repeat(&self, held: &HeldToken, foreign: bool) -> Result<Option<IssuedTokens>, OAuthError> {
        let renewal = self.renew(held).await?;
        let tokens = self.issue(held, &renewal).await?;
        let now = self.app.clock.now();
        let repeat = Repeat {
            token: self.name(),
            presented: self.token.generation(),
            client: &self.client.client_id,
            foreign,
            of: Repeated::Exchange,
            audit: self.stamp(now).await?,
            origin: self.origin,
            at: now,
        };
        Ok(repeats::record(&self.app.db, &repeat).await?.then_some(tokens))
    }

    /// How the family goes on, as the policy is now. Everything that was true at approval is asked again.
    async fn renew(&self, held: &HeldToken) -> Result<Renewal, OAuthError> {
        let Self { app, tenant, client, request, .. } = *self;
        let (family, user) = (&held.family, &held.user);
        if !user.is_active() || is_void(tenant, client, held) {
            return Err(dead());
        }
        let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
        let scopes = granting::grantable(Some(&family.scopes), client, &catalogue, user, request.dpop_key());
        if !granting::brings_refresh_token(client, &scopes) {
            return Err(dead());
        }
        let policy = policies::effective(app, tenant, client);
        let trust_loss = trust_loss(held.trust, request.dpop_key(), family, &policy.trust);
        let lifetimes = if held.trust.is_some() && trust_loss.is_none() {
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
    async fn issue(&self, held: &HeldToken, renewal: &Renewal) -> Result<IssuedTokens, OAuthError> {
        let Self { app, tenant, client, request, .. } = *self;
        let family = &held.family;
        let for_access = granting::narrow(&renewal.scopes, request.scope.as_deref())?;
        let named = OwnAudiences::of(app, tenant).await?.or_default(family.resources.clone(), &for_access);
        let resources = granting::narrow_resources(&named, &request.resources)?;
        let grant = Grant {
            tenant,
            client,
            user: &held.user,
            device_id: family.device_id,
            scopes: &for_access,
            resources: &resources,
            dpop_key: request.dpop_key(),
            authentication: &family.authentication,
            ends_at: renewal.ends_at,
            nonce: None,
        };
        tokens::issue(app, &grant, Some(self.successor())).await
    }
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

/// The part of an address that a device keeps while it moves within its network.
fn network(address: IpAddr) -> Option<IpNet> {
    let length = if address.is_ipv4() { 24 } else { 48 };
    IpNet::new(address, length).ok().map(|network| network.trunc())
}

/// Clients throw their tokens away on `invalid_grant`; they keep them on this.
const fn locked() -> OAuthError {
    OAuthError::new(
        ErrorCode::Locked,
        "The device or its account is locked; keep the token and try again later.",
    )
}

/// Returns `true` if the family began before an instant that ended it.
fn is_void(tenant: &Tenant, client: &AuthenticatedClient, held: &HeldToken) -> bool {
    granting::is_void(held.family.created_at, tenant, &held.user, client)
}

fn dead() -> OAuthError {
    OAuthError::invalid_grant("The refresh token is unknown, used, expired or revoked.")
}
