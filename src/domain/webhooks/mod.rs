//! Webhooks: who is told of what happens, and telling them.

pub mod deliver;
mod signature;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use url::Url;
use zeroize::Zeroizing;

use super::audit::By;
use super::change::Change;
use crate::app::App;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::{TenantId, WebhookId};
use crate::model::webhook::{MAX_ACTIONS, SECRET_PREFIX, Webhook};
use crate::outbound::ForbiddenAddressError;
use crate::secrets::DecryptError;
use crate::store::{self, StoreError, webhooks};

/// Bytes of a secret (Standard Webhooks: 24 to 64).
const SECRET_BYTES: usize = 32;

/// Why a webhook cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// This server would not call there.
    #[error("the URL is not usable: {0}")]
    UnfitUrl(#[from] ForbiddenAddressError),
    /// It names something that never happens.
    #[error("unknown action {0}")]
    UnknownAction(String),
    #[error("must list at most {MAX_ACTIONS} actions; an empty list means all")]
    TooManyActions,
    /// The tenant has as many as it may have.
    #[error("the tenant already has {0} webhooks, the limit set by webhooks.per_tenant")]
    TooMany(u32),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a webhook that is told of these actions of the audit trail, or of all. Returns it with its secret, which is
/// shown this once.
pub async fn create(
    app: &App,
    tenant: TenantId,
    url: Url,
    actions: Vec<String>,
    by: &By<'_>,
) -> Result<(Webhook, Zeroizing<String>), WebhookError> {
    app.webhook_calls.check(&url)?;
    if actions.len() > MAX_ACTIONS {
        return Err(WebhookError::TooManyActions);
    }
    if let Some(unknown) = actions.iter().find(|action| !Action::is_known(action)) {
        return Err(WebhookError::UnknownAction(unknown.clone()));
    }
    let now = app.clock.now();
    let id = WebhookId(app.random.uuid_v7(now));
    let mut secret = Zeroizing::new([0; SECRET_BYTES]);
    app.random.fill(&mut secret[..]);
    let sealed = app.secrets.database.seal(&secret[..], &sealing_context(tenant, id), &app.random);
    let webhook = Webhook { id, tenant_id: tenant, url, actions, enabled: true, held_until: None };
    let most = app.config.webhooks.per_tenant;
    let mut change = Change::begin(app, tenant, by).await?;
    if webhooks::count_for_insert(&mut change, tenant).await? >= i64::from(most) {
        return Err(WebhookError::TooMany(most));
    }
    // First the event, of which the webhook itself is not told.
    let details = json!({"url": webhook.url.as_str(), "actions": webhook.actions});
    change.audit(Action::WebhookCreated, Target::Webhook(id), details).await?;
    webhooks::insert(&mut *change, &webhook, &sealed, now).await?;
    change.commit().await?;
    Ok((webhook, Zeroizing::new(format!("{SECRET_PREFIX}{}", STANDARD.encode(&secret[..])))))
}

/// Removes a webhook; messages that wait for it are not sent. Whether it was there.
pub async fn delete(app: &App, tenant: TenantId, id: WebhookId, by: &By<'_>) -> store::Result<bool> {
    let mut change = Change::begin(app, tenant, by).await?;
    if !webhooks::delete(&mut *change, tenant, id).await? {
        return Ok(false);
    }
    change.audit(Action::WebhookDeleted, Target::Webhook(id), json!({})).await?;
    change.commit().await?;
    Ok(true)
}

/// What signs the messages of a webhook.
fn signing_key(app: &App, tenant: TenantId, id: WebhookId, sealed: &[u8]) -> Result<hmac::Key, DecryptError> {
    let secret = app.secrets.database.open(sealed, &sealing_context(tenant, id))?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &secret))
}

pub(super) fn sealing_context(tenant: TenantId, id: WebhookId) -> String {
    format!("webhook {tenant} {id}")
}
