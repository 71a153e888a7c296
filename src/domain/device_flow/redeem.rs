//! Step 6: the device collects its tokens, once (RFC 8628 §3.5).

use std::slice;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::poll::{PollRequest, unknown};
use crate::app::App;
use crate::domain::authenticate_client::AuthenticatedClient;
use crate::domain::connection_lifetimes::ConnectionLifetimes;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::own_audiences::OwnAudiences;
use crate::domain::token_families::{Ending, record_end, revoke_stolen};
use crate::domain::tokens::{self, Grant, IssuedTokens};
use crate::domain::{audit, granting, policies, refresh};
use crate::model::audit_event::{Action, Outcome};
use crate::model::audit_mac::EventStamp;
use crate::model::device_authorization::{Approval, DeviceAuthorization, State};
use crate::model::ids::{DeviceId, TokenFamilyId};
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::token_family::{RevocationReason, Trust};
use crate::store::device_authorizations::polls::FoundSession;
use crate::store::device_authorizations::redemptions::{self, Ground, Judgement, Redemption};
use crate::store::{self, device_trust, token_families};

/// A device that comes for the tokens of a code.
#[derive(Clone, Copy, Debug)]
pub struct Collection<'a> {
    /// The tenant.
    pub tenant: &'a Tenant,
    /// The client.
    pub client: &'a AuthenticatedClient,
    /// The code's session.
    pub found: &'a FoundSession,
    /// What the device sends.
    pub request: &'a PollRequest,
    /// From where.
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
    if app.queues.redemptions.submit(redemption).await?.is_some() {
        metrics::counter!("latchkey_device_authorizations_redeemed_total").increment(1);
        return Ok(tokens);
    }
    let again = app.queues.polls.submit((collection.tenant.id, collection.found.code)).await?;
    Err(match again.map(|found| found.session.state) {
        Some(State::Approved(_)) => something_changed(),
        _ => OAuthError::invalid_grant("The device code was used already."),
    })
}

/// Hands out tokens once more, because the answer with the first ones was lost on its way: the device, which has
/// proved that it is the same, gets new ones, and the first ones die. Nothing is kept that could be said again.
pub async fn retry(
    app: &App,
    collection: &Collection<'_>,
    approval: &Approval,
) -> Result<IssuedTokens, OAuthError> {
    let &Collection { tenant, client, found, request, origin } = collection;
    // Trust is in the device that collected first. If it was taken away since, or this one has another key, it is lost.
    let trust = device_trust::of_session(&app.db, found.session.id).await?;
    let trusted = trust == Some(Trust { key: request.dpop_key() });
    let approval = &Approval { trusted, ..approval.clone() };
    let (tokens, redemption) = prepare(app, collection, approval).await?;
    let (session, reason) = (found.session.id, RevocationReason::RedemptionRetried);
    let mut transaction = app.begin(tenant.id).await?;
    let lost = redemptions::take_back(&mut *transaction, session, reason, redemption.at).await?;
    let lost = lost.ok_or_else(unknown)?;
    let details = json!({"device_authorization_id": session, "successor": redemption.family_id});
    let ending = Ending { details, ..Ending::by_client(client, reason, origin) };
    record_end(app, &mut *transaction, tenant.id, lost, ending).await?;
    let redeemed = redemptions::redeem(&mut *transaction, slice::from_ref(&redemption)).await?;
    if !redeemed.iter().all(Option::is_some) {
        return Err(something_changed());
    }
    transaction.commit().await?;
    metrics::counter!("latchkey_device_authorizations_retried_total").increment(1);
    Ok(tokens)
}

/// Not consumed, so somebody has just been disabled; a word that ends the flow would be too much.
fn something_changed() -> OAuthError {
    let description = "Something has changed in this moment; please try again.";
    OAuthError::new(ErrorCode::TemporarilyUnavailable, description)
}

/// The tokens, and what is to be stored with them. Everything that was true at approval is asked again: the user,
/// the client and the tenant may have changed since.
async fn prepare(
    app: &App,
    collection: &Collection<'_>,
    approval: &Approval,
) -> Result<(IssuedTokens, Redemption), OAuthError> {
    let &Collection { tenant, client, found, request, origin } = collection;
    let gone = || {
        OAuthError::new(ErrorCode::AccessDenied, "The person who approved may not use this service any more.")
    };
    let user = found.decided_by.as_ref().filter(|user| user.is_active()).ok_or_else(gone)?;
    if granting::is_void(approval.at, tenant, user, client) {
        return Err(OAuthError::new(
            ErrorCode::ExpiredToken,
            "The approval does not count any more; start again.",
        ));
    }
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let granted = granting::grantable(Some(&approval.scopes), client, &catalogue, user, request.dpop_key());
    if granted.is_empty() && !approval.scopes.is_empty() {
        let description = "The person who approved may no longer grant any of what was asked for.";
        return Err(OAuthError::new(ErrorCode::AccessDenied, description));
    }
    let for_access = granting::narrow(&granted, request.scope.as_deref())?;
    let named = OwnAudiences::of(app, tenant).await?.or_default(found.resources.clone(), &for_access);
    let resources = granting::narrow_resources(&named, &request.resources)?;

    if let Some(proof) = &request.proof {
        proof.spend(app).await?;
    }
    let now = app.clock.now();
    let device_id = DeviceId(app.random.uuid_v7(now));
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
    let (secret, refresh_token) = renewable.then(|| refresh::new_token(app, lifetimes.idle, ends_at)).unzip();
    let grant = Grant {
        tenant,
        client,
        user,
        device_id,
        scopes: &for_access,
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
        code: found.code,
        ground: Ground::Judged(judgement),
        device_id,
        family_id: TokenFamilyId(app.random.uuid_v7(now)),
        expires_at: ends_at,
        refresh_token,
        audit: stamp(app, tenant, origin, now).await?,
        origin: origin.clone(),
        at: now,
    };
    Ok((tokens, redemption))
}

/// Returns a new ID for the event of a redemption, with the key for its code.
pub(super) async fn stamp(
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
    let Some(family) = token_families::of_session(&app.db, session.id).await? else { return Ok(()) };
    let ending = Ending {
        details: json!({"device_authorization_id": session.id}),
        ..Ending::by_client(client, RevocationReason::DeviceCodeReplayed, origin)
    };
    Ok(revoke_stolen(app, session.tenant_id, family, ending).await?)
}
