//! Step 6: the device collects its tokens, once (RFC 8628 §3.5).

use chrono::TimeDelta;
use serde_json::json;

use crate::app::App;
use crate::domain::authenticate_client::AuthenticatedClient;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::tokens::{self, Grant, IssuedTokens};
use crate::domain::{granting, refresh};
use crate::model::device_session::{Approval, DeviceSession, State};
use crate::model::ids::{DeviceId, TokenFamilyId};
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::token_family::RevocationReason;
use crate::store::device_sessions::polls::{self, FoundSession};
use crate::store::device_sessions::redemptions::{self, Redemption};
use crate::store::token_families;

/// Hands out the tokens of an approved session. Everything that was true at approval is asked again: the user,
/// the client and the tenant may have changed since. The tokens are signed first and handed out only if the
/// session could be consumed, which one statement decides for all who try at once.
pub async fn redeem(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    found: &FoundSession,
    approval: &Approval,
    narrowed_to: Option<&str>,
    origin: &RequestOrigin,
) -> Result<IssuedTokens, OAuthError> {
    let gone = || {
        OAuthError::new(ErrorCode::AccessDenied, "The person who approved may not use this service any more.")
    };
    let user = found.decided_by.as_ref().filter(|user| user.is_active()).ok_or_else(gone)?;
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let granted = granting::grantable(Some(&approval.scopes), client, &catalogue, user);
    let for_access = granting::narrow(&granted, narrowed_to)?;

    let now = app.clock.now();
    let device_id = DeviceId(app.random.uuid_v7(now));
    let settings = &app.config.tokens;
    let renewable = granting::brings_refresh_token(client, &granted);
    let lifetime =
        if renewable { settings.refresh_absolute_seconds } else { settings.access_lifetime_seconds };
    let ends_at = now + TimeDelta::seconds(i64::from(lifetime));
    let (secret, stored) = renewable.then(|| refresh::new_token(app, ends_at)).unzip();
    let grant = Grant {
        tenant,
        client,
        user,
        device_id,
        scopes: &for_access,
        authentication: &approval.authentication,
        ends_at,
    };
    let tokens = tokens::issue(app, &grant, secret).await?;
    let redemption = Redemption {
        device_id,
        family_id: TokenFamilyId(app.random.uuid_v7(now)),
        scopes: &granted,
        expires_at: ends_at,
        refresh_token: stored.as_ref(),
        audit_id: app.random.uuid_v7(now),
        origin,
    };
    if redemptions::redeem(&app.db, &found.session, &redemption, now).await? {
        metrics::counter!("latchkey_device_sessions_redeemed_total").increment(1);
        return Ok(tokens);
    }
    let again = polls::find(&app.db, tenant.id, found.code).await?;
    Err(match again.map(|found| found.session.state) {
        // Not consumed, so somebody has just been disabled; a word that ends the flow would be too much.
        Some(State::Approved(_)) => OAuthError::new(
            ErrorCode::TemporarilyUnavailable,
            "Something has changed in this moment; please try again.",
        ),
        _ => OAuthError::invalid_grant("The device code was used already."),
    })
}

/// A code came back long after its tokens were collected: whoever holds it now, or held it then, is not the
/// device. The tokens die.
pub async fn revoke_replayed(
    app: &App,
    session: &DeviceSession,
    client: &AuthenticatedClient,
    origin: &RequestOrigin,
) -> Result<(), OAuthError> {
    if let Some(family) = token_families::of_session(&app.db, session.id).await? {
        let details = json!({"device_session_id": session.id});
        refresh::revoke_family(app, family, client, RevocationReason::DeviceCodeReplayed, details, origin)
            .await?;
    }
    Ok(())
}
