//! Webhooks.

use clap::Args;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::confirmation::Confirmation;
use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::webhooks;
use crate::model::ids::{TenantId, WebhookId};
use crate::store;

#[derive(Debug, Args)]
pub(super) struct CreateWebhook {
    /// https URL that receives the events.
    url: Url,
    /// Audit action to subscribe to, such as `device_authorization.approved`; can be repeated [default: all].
    #[arg(long, value_name = "ACTION")]
    action: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct DeleteWebhook {
    /// Webhook ID.
    pub(super) id: Uuid,
    #[command(flatten)]
    pub(super) sure: Confirmation,
}

pub(super) async fn create_webhook(app: &App, tenant: TenantId, new: CreateWebhook) -> Done {
    let (webhook, secret) = webhooks::create(app, tenant, new.url, new.action, &By::OPERATOR).await?;
    let sentence = format!("Created webhook {}\nSecret {} (shown only once)", webhook.id, secret.as_str());
    Ok((sentence, json!({"id": webhook.id, "url": webhook.url.as_str(), "secret": secret.as_str()})))
}

pub(super) async fn list_webhooks(app: &App, tenant: TenantId) -> Done {
    let all = store::webhooks::all(&app.db, tenant).await?;
    let line = |webhook: &crate::model::webhook::Webhook| {
        let actions = if webhook.actions.is_empty() { "all".to_owned() } else { webhook.actions.join(" ") };
        let standing = if webhook.enabled { "" } else { ", disabled" };
        format!("{} {} ({actions}{standing})", webhook.id, webhook.url)
    };
    let sentence = match all.as_slice() {
        [] => "no webhooks".to_owned(),
        all => all.iter().map(line).collect::<Vec<_>>().join("\n"),
    };
    let document: Vec<Value> = all
        .iter()
        .map(|webhook| {
            json!({"id": webhook.id, "url": webhook.url.as_str(), "actions": webhook.actions, "enabled": webhook.enabled})
        })
        .collect();
    Ok((sentence, json!({"webhooks": document})))
}

pub(super) async fn delete_webhook(app: &App, tenant: TenantId, that: &DeleteWebhook) -> Done {
    if !webhooks::delete(app, tenant, WebhookId(that.id), &By::OPERATOR).await? {
        return Err("webhook not found".into());
    }
    Ok((format!("Deleted webhook {}", that.id), json!({"id": that.id})))
}
