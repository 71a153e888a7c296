//! Step 6: the device collects its tokens, once (RFC 8628 §3.5).

use chrono::{DateTime, TimeDelta, Utc};

use super::poll::{PollRequest, may_be_unanswered, name, notice_loss, unknown, unsettled};
use crate::app::App;
use crate::domain::audit::{self, By};
use crate::domain::authenticate_client::AuthenticatedClient;
use crate::domain::connection_lifetimes::ConnectionLifetimes;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::own_audiences::OwnAudiences;
use crate::domain::token_families::revoke_stolen;
use crate::domain::tokens::{self, Grant, IssuedTokens};
use crate::domain::{granting, mac_keys, policies};
use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_mac::EventStamp;
use crate::model::device_authorization::{Approval, DeviceAuthorization, State};
use crate::model::device_code::DeviceCode;
use crate::model::ids::DeviceId;
use crate::model::refresh_token::{FIRST_GENERATION, RefreshToken};
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::token_family::RevocationReason;
use crate::store;
use crate::store::device_authorizations::polls::FoundSession;
use crate::store::device_authorizations::redemptions::{Ground, Judgement, Redemption};
use crate::store::memory::lost_answers::{Delivery, Generation};
use crate::store::refresh_tokens::TokenName;
use crate::store::refresh_tokens::repeats::{self, Repeat, Repeated};
use crate::store::sending::Sending;

/// A device that comes for the tokens of a code.
#[derive(Clone, Copy, Debug)]
pub struct Collection<'a> {
    pub tenant: &'a Tenant,
    pub client: &'a AuthenticatedClient,
    pub code: &'a DeviceCode,
    pub found: &'a FoundSession,
    pub request: &'a PollRequest,
    pub origin: &'a RequestOrigin,
}

/// Hands out the tokens of an approved session. The tokens are signed first and handed out only if the session could
/// be consumed, which one statement decides for all who try at once.
pub async fn redeem(
    app: &App,
    collection: &Collection<'_>,
    approval: &Approval,
) -> Result<IssuedTokens, OAuthError> {
    let (tokens, redemption) = prepare(app, collection, approval).await?;
    let delivery = watch(app, &redemption);
    if app.observe(app.queues.redemptions.submit(redemption).await)?.is_some() {
        metrics::counter!("latchkey_device_authorizations_redeemed_total").increment(1);
        return Ok(tokens.delivered_by(delivery));
    }
    delivery.is_not_owed();
    let again = app.queues.polls.submit(name(collection.tenant, collection.code)).await?;
    Err(match again.map(|found| notice_loss(app, found)) {
        Some(found) if matches!(found.session.state, State::Approved(_)) => something_changed(),
        // A request that was given up may have redeemed it while this one waited. The device is to ask again.
        Some(found) if is_unanswered(app, &found) => unsettled(),
        _ => OAuthError::invalid_grant("The device code has already been used."),
    })
}

/// Returns `true` if the answer with the tokens of a code is lost, or may be.
fn is_unanswered(app: &App, found: &FoundSession) -> bool {
    found.first_tokens.is_some_and(|first| first.unanswered) || may_be_unanswered(app, found)
}

/// Issues the tokens of a redemption again, because the answer with them was lost: the same refresh token, and new access
/// tokens. The device stays as it is.
pub async fn repeat(app: &App, collection: &Collection<'_>) -> Result<IssuedTokens, OAuthError> {
    let &Collection { tenant, client, code, found, request, origin } = collection;
    let token = RefreshToken::first(code);
    let name = TokenName { tenant: tenant.id, device: token.device(), hash: token.hash() };
    let held = app.queues.refresh_tokens.submit(name).await?.ok_or_else(unknown)?;
    if !held.client_enabled {
        return Err(something_changed());
    }
    let family = &held.family;
    let is_void = granting::is_void(family.created_at, tenant, &held.user, client);
    let is_theirs = family.dpop_key.is_none_or(|key| key.is(request.dpop_key()));
    if !held.user.is_active() || is_void || !is_theirs {
        return Err(unknown());
    }
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let granted =
        granting::grantable(Some(&family.scopes), client, &catalogue, &held.user, request.dpop_key());
    let (scopes, resources) = granting::for_access_token(
        (&granted, family.resources.clone()),
        &OwnAudiences::of(app, tenant).await?,
        request.scope.as_deref(),
        &request.resources,
    )?;
    if let Some(proof) = &request.proof {
        proof.spend(app).await?;
    }
    let key = mac_keys::tokens(app, tenant.id).await?;
    let secret = granting::brings_refresh_token(client, &granted).then(|| token.write(tenant.id, &key));
    let grant = Grant {
        tenant,
        client,
        user: &held.user,
        device_id: family.device_id,
        scopes: &scopes,
        resources: &resources,
        dpop_key: request.dpop_key(),
        authentication: &family.authentication,
        ends_at: family.expires_at,
        nonce: found.nonce.as_deref(),
    };
    let tokens = tokens::issue(app, &grant, secret).await?;
    let now = app.clock.now();
    let repeat = Repeat {
        token: name,
        presented: token.generation() - 1,
        client: &client.client_id,
        foreign: false,
        of: Repeated::Redemption,
        audit: stamp(app, tenant, origin, now).await?,
        origin,
        at: now,
    };
    if !repeats::record(&app.db, &repeat).await? {
        // Used or revoked in this moment.
        return Err(unknown());
    }
    metrics::counter!("latchkey_device_authorizations_repeated_total").increment(1);
    Ok(tokens)
}

/// An authorization brings one device at most, with its own identifier.
const fn device_of(found: &FoundSession) -> DeviceId {
    DeviceId(found.session.id.0)
}

/// Notices if the answer with the first tokens of a device is lost.
pub(super) fn watch(app: &App, redemption: &Redemption) -> Delivery {
    let device = DeviceId(redemption.id.0);
    let generation = Generation { tenant: redemption.tenant, device, number: FIRST_GENERATION };
    app.lost_answers.watch(generation, redemption.sending.clone())
}

/// Not consumed, so somebody has just been disabled; a word that ends the flow would be too much.
fn something_changed() -> OAuthError {
    let description = "The request conflicted with another change; try again.";
    OAuthError::new(ErrorCode::TemporarilyUnavailable, description)
}

/// The tokens, and what is to be stored with them. Everything that was true at approval is asked again: the user,
/// the client and the tenant may have changed since.
async fn prepare(
    app: &App,
    collection: &Collection<'_>,
    approval: &Approval,
) -> Result<(IssuedTokens, Redemption), OAuthError> {
    let &Collection { tenant, client, code, found, request, origin } = collection;
    let gone = || {
        OAuthError::new(ErrorCode::AccessDenied, "The user who approved this request no longer has access.")
    };
    let user = found.decided_by.as_ref().filter(|user| user.is_active()).ok_or_else(gone)?;
    if granting::is_void(approval.at, tenant, user, client) {
        return Err(OAuthError::new(
            ErrorCode::ExpiredToken,
            "The approval is no longer valid; request a new device code.",
        ));
    }
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let granted = granting::grantable(Some(&approval.scopes), client, &catalogue, user, request.dpop_key());
    if granted.is_empty() && !approval.scopes.is_empty() {
        let description = "The user who approved this request can no longer grant any requested scope.";
        return Err(OAuthError::new(ErrorCode::AccessDenied, description));
    }
    let (scopes, resources) = granting::for_access_token(
        (&granted, found.resources.clone()),
        &OwnAudiences::of(app, tenant).await?,
        request.scope.as_deref(),
        &request.resources,
    )?;

    if let Some(proof) = &request.proof {
        proof.spend(app).await?;
    }
    let now = app.clock.now();
    let device_id = device_of(found);
    let renewable = granting::brings_refresh_token(client, &granted);
    let policy = policies::effective(app, tenant, client);
    let trusted = renewable && approval.trusted && policy.trust.allows(found.session.dpop_key);
    let lifetimes = if trusted {
        ConnectionLifetimes::trusted(&policy)
    } else {
        ConnectionLifetimes::usual(&app.config.tokens, &policy)
    };
    let longest = granting::longest(&granted, &catalogue);
    let lifetimes = lifetimes.at_most(approval.lifetime_seconds).at_most(longest);
    let access_lifetime = TimeDelta::seconds(i64::from(app.config.tokens.access_lifetime_seconds));
    let lasts = if renewable { lifetimes.absolute } else { access_lifetime.min(lifetimes.absolute) };
    let ends_at = now + lasts;
    let key = mac_keys::tokens(app, tenant.id).await?;
    let token = RefreshToken::first(code);
    let secret = renewable.then(|| token.write(tenant.id, &key));
    let grant = Grant {
        tenant,
        client,
        user,
        device_id,
        scopes: &scopes,
        resources: &resources,
        dpop_key: request.dpop_key(),
        authentication: &approval.authentication,
        ends_at,
        nonce: found.nonce.as_deref(),
    };
    let tokens = tokens::issue(app, &grant, secret).await?;
    let judgement = Judgement {
        user_id: user.id,
        scopes: granted,
        // A public client has nothing else to prove itself with when it refreshes (RFC 9449 §5).
        dpop_key: found.session.dpop_key.or(request.dpop_key().filter(|_| client.is_public())),
        trusted,
        used_key: request.dpop_key(),
    };
    let redemption = Redemption {
        tenant: tenant.id,
        id: code.authorization(),
        code: code.hash(),
        ground: Ground::Judged(judgement),
        expires_at: ends_at,
        token: token.hash(),
        idle_expires_at: renewable.then(|| now + lifetimes.idle),
        audit: audit::event_key(app, tenant.id, now).await?,
        origin: origin.clone(),
        at: now,
        sending: Sending::default(),
    };
    Ok((tokens, redemption))
}

/// Returns a new ID for the event of a redemption, with the key for its code.
async fn stamp(
    app: &App,
    tenant: &Tenant,
    origin: &RequestOrigin,
    at: DateTime<Utc>,
) -> store::Result<EventStamp> {
    let action = Action::DeviceAuthorizationRedeemed;
    audit::stamp(app, tenant.id, action, Outcome::Success, Some(origin), at).await
}

/// A code came back long after its tokens were collected: whoever holds it now, or held it then, is not the
/// device. The tokens die.
pub async fn revoke_replayed(
    app: &App,
    session: &DeviceAuthorization,
    client: &AuthenticatedClient,
    origin: &RequestOrigin,
) -> Result<(), OAuthError> {
    let (reason, by) = (RevocationReason::DeviceCodeReplayed, By::client(&client.client_id, origin));
    Ok(revoke_stolen(app, session.tenant_id, DeviceId(session.id.0), reason, &by).await?)
}
