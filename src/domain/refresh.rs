//! A device exchanges its refresh token for new tokens (RFC 6749 §6, RFC 9700 §4.14).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::authenticate_client::AuthenticatedClient;
use super::dpop::Proof;
use super::oauth_error::OAuthError;
use super::tokens::{self, Grant, IssuedTokens};
use super::{audit, granting};
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::client::GrantType;
use crate::model::ids::{ClientId, RefreshTokenId, TokenFamilyId};
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::token_family::{PresentedRefreshToken, RevocationReason};
use crate::store::refresh_tokens::{self, NewRefreshToken};
use crate::store::token_families;

/// What a client sends (RFC 6749 §6).
#[derive(Debug)]
pub struct RefreshRequest {
    /// `refresh_token`
    pub refresh_token: BearerSecretText,
    /// `scope`, to narrow what the access token allows.
    pub scope: Option<String>,
    /// `resource` (RFC 8707 §2.2).
    pub resources: Vec<String>,
    /// The key the client proved to hold (RFC 9449).
    pub dpop_key: Option<Proof>,
}

/// A secret as it was sent, not yet read.
pub type BearerSecretText = zeroize::Zeroizing<String>;

/// What becomes of a presented token.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Exchange,
    /// Another client's; its own will find it untouched.
    Foreign,
    /// It was exchanged before: somebody has a copy. The family dies.
    Reused,
    /// It is too old, revoked, or its device is locked.
    Dead,
}

/// The rule.
fn judge(presented: &PresentedRefreshToken, client: &ClientId, now: DateTime<Utc>) -> Verdict {
    let family = &presented.family;
    if family.client_id != *client {
        Verdict::Foreign
    } else if family.revoked_at.is_some() || now >= family.expires_at {
        Verdict::Dead
    } else if presented.rotated_at.is_some() {
        Verdict::Reused
    } else if now >= presented.expires_at || presented.device_locked {
        Verdict::Dead
    } else {
        Verdict::Exchange
    }
}

/// Exchanges a refresh token: the old one is spent, the new one and an access token are handed out.
pub async fn refresh(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &RefreshRequest,
    origin: &RequestOrigin,
) -> Result<IssuedTokens, OAuthError> {
    client.require(GrantType::RefreshToken)?;
    let dead = || OAuthError::invalid_grant("The refresh token is unknown, used, expired or revoked.");
    let secret = BearerSecret::parse(SecretKind::RefreshToken, &request.refresh_token).ok_or_else(dead)?;
    let presented = refresh_tokens::find(&app.db, tenant.id, secret.hash()).await?.ok_or_else(dead)?;
    let now = app.clock.now();
    match judge(&presented, &client.client_id, now) {
        Verdict::Exchange => {}
        Verdict::Foreign | Verdict::Dead => return Err(dead()),
        Verdict::Reused => {
            let (family, reason) = (presented.family.id, RevocationReason::RefreshTokenReused);
            revoke_family(app, family, client, reason, json!({}), origin).await?;
            return Err(dead());
        }
    }
    let (family, user) = (&presented.family, &presented.user);
    if !user.is_active() {
        return Err(dead());
    }
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let granted = granting::grantable(Some(&family.scopes), client, &catalogue, user);
    if !granting::brings_refresh_token(client, &granted) {
        return Err(dead());
    }
    granting::refuse_resources(&request.resources)?;
    let for_access = granting::narrow(&granted, request.scope.as_deref())?;
    let (secret, successor) = new_token(app, family.expires_at);
    let grant = Grant {
        tenant,
        client,
        user,
        device_id: family.device_id,
        scopes: &for_access,
        authentication: &family.authentication,
        ends_at: family.expires_at,
    };
    let tokens = tokens::issue(app, &grant, Some(secret)).await?;
    let audit_id = app.random.uuid_v7(now);
    if refresh_tokens::rotate(&app.db, &presented, &successor, audit_id, origin, now).await? {
        metrics::counter!("latchkey_tokens_refreshed_total").increment(1);
        Ok(tokens)
    } else {
        // Another request of the same device was first, a moment ago: no theft, but no second leaf either.
        Err(dead())
    }
}

/// A new refresh token, and how it is stored. It ends when it is not used for long, or with its family.
pub fn new_token(app: &App, family_ends_at: DateTime<Utc>) -> (BearerSecret, NewRefreshToken) {
    let now = app.clock.now();
    let secret = BearerSecret::generate(SecretKind::RefreshToken, &app.random);
    let idle_end = now + TimeDelta::seconds(i64::from(app.config.tokens.refresh_idle_seconds));
    let stored = NewRefreshToken {
        id: RefreshTokenId(app.random.uuid_v7(now)),
        hash: secret.hash(),
        expires_at: idle_end.min(family_ends_at),
    };
    (secret, stored)
}

/// Ends a family because somebody has what only the device should have.
pub async fn revoke_family(
    app: &App,
    family: TokenFamilyId,
    client: &AuthenticatedClient,
    reason: RevocationReason,
    mut details: Value,
    origin: &RequestOrigin,
) -> Result<(), OAuthError> {
    let mut transaction = app.db.begin().await?;
    if token_families::revoke(&mut *transaction, family, reason, app.clock.now()).await? {
        details["reason"] = json!(reason.as_str());
        let event = AuditEvent {
            action: Action::TokenFamilyRevoked,
            outcome: Outcome::Success,
            actor: Actor::Client(client.client_id.clone()),
            target_kind: "token_family",
            target_id: Some(family.to_string()),
            origin: Some(origin),
            details,
        };
        audit::record(app, &mut *transaction, client.tenant_id, &event).await?;
        transaction.commit().await?;
        metrics::counter!("latchkey_token_families_revoked_total", "reason" => reason.as_str()).increment(1);
        tracing::warn!(family = %family, reason = reason.as_str(), "token family revoked");
    }
    Ok(())
}
