//! Revokes tokens at the request of their client (RFC 7009).
//!
//! Revoking any token of a device ends its family, with every refresh and access token of the device (§2.1). An access
//! token that a client got for itself is revoked alone.

use serde_json::json;

use super::access_tokens::{self, Signed};
use super::audit::By;
use super::authenticate_client::AuthenticatedClient;
use super::change::Change;
use super::oauth_error::{ErrorCode, OAuthError};
use super::token_families::record_end;
use super::{mac_keys, tenants};
use crate::app::App;
use crate::model::access_token::AccessToken;
use crate::model::audit_event::{Action, Target};
use crate::model::refresh_token::RefreshToken;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::token_family::RevocationReason;
use crate::store::devices::endings;
use crate::store::revoked_access_tokens;

/// Revokes a token of this client. One that is unknown, over, malformed or another client's changes nothing and is
/// no error: the caller's aim is reached, or none of its business (RFC 7009 §2.2).
pub async fn revoke(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    token: &str,
    origin: &RequestOrigin,
) -> Result<(), OAuthError> {
    let key = mac_keys::tokens(app, tenant.id).await?;
    if let Some(token) = RefreshToken::read(tenant.id, &key, token) {
        let (device, reason, now) = (token.device(), RevocationReason::RevokedByClient, app.clock.now());
        let mut change = Change::begin(app, tenant.id, &By::client(&client.client_id, origin)).await?;
        let (db, client_id) = (&mut *change, &client.client_id);
        // A token that was exchanged a moment ago still tells which device is meant.
        if endings::revoke_by_token(db, tenant.id, device, token.hash(), client_id, reason, now).await? {
            record_end(&mut change, device, reason.into()).await?;
            change.commit().await?;
        }
        return Ok(());
    }
    match access_tokens::signed(app, tenant, token).await? {
        Some(Signed::AccessToken(token)) => {
            let (claims, now) = (&token.claims, app.clock.now());
            let is_theirs = claims.client_id == client.client_id.as_str();
            if is_theirs && claims.is_current(&tenants::issuer(app, tenant), now) {
                revoke_access_token(app, tenant, client, claims, origin).await?;
            }
            Ok(())
        }
        None => Ok(()),
        Some(Signed::Other) => Err(OAuthError::new(
            ErrorCode::UnsupportedTokenType,
            "Only access tokens and refresh tokens can be revoked.",
        )),
    }
}

async fn revoke_access_token(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    token: &AccessToken,
    origin: &RequestOrigin,
) -> Result<(), OAuthError> {
    let now = app.clock.now();
    let mut change = Change::begin(app, tenant.id, &By::client(&client.client_id, origin)).await?;
    if let Some(device) = token.device_id {
        let reason = RevocationReason::RevokedByClient;
        if !endings::revoke(&mut *change, tenant.id, device, reason, now).await? {
            return Ok(());
        }
        record_end(&mut change, device, reason.into()).await?;
    } else {
        let expires_at = token.ends_at();
        if !revoked_access_tokens::insert(&mut *change, tenant.id, &token.jti, expires_at).await? {
            return Ok(());
        }
        let target = Target::AccessToken(token.jti.clone());
        change.audit(Action::AccessTokenRevoked, target, json!({})).await?;
    }
    Ok(change.commit().await?)
}
