//! `webhooks`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use url::Url;

use super::Result;
use crate::model::ids::{TenantId, WebhookId};
use crate::model::webhook::Webhook;

/// Adds a webhook with its sealed secret.
pub async fn insert(
    db: impl PgExecutor<'_>,
    webhook: &Webhook,
    secret_sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO webhooks (id, tenant_id, url, secret_sealed, actions, enabled, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        webhook.id.0,
        webhook.tenant_id.0,
        webhook.url.as_str(),
        secret_sealed,
        &webhook.actions,
        webhook.enabled,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// All webhooks of a tenant, the oldest first.
pub async fn all(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<Webhook>> {
    let rows = sqlx::query!(
        "SELECT id, url, actions, enabled FROM webhooks WHERE tenant_id = $1 ORDER BY id",
        tenant.0
    )
    .fetch_all(db)
    .await?;
    let webhook = |id, url: &str, actions, enabled| {
        // Only addresses are ever written there.
        Some(Webhook { id: WebhookId(id), tenant_id: tenant, url: Url::parse(url).ok()?, actions, enabled })
    };
    Ok(rows.into_iter().filter_map(|row| webhook(row.id, &row.url, row.actions, row.enabled)).collect())
}

/// Stops telling a webhook anything; whether it was told until now.
pub async fn disable(db: impl PgExecutor<'_>, webhook: WebhookId) -> Result<bool> {
    let disabled = sqlx::query!("UPDATE webhooks SET enabled = false WHERE id = $1 AND enabled", webhook.0)
        .execute(db)
        .await?;
    Ok(disabled.rows_affected() == 1)
}

/// Removes a webhook with its messages; whether it was there.
pub async fn delete(db: impl PgExecutor<'_>, tenant: TenantId, webhook: WebhookId) -> Result<bool> {
    let gone = sqlx::query!("DELETE FROM webhooks WHERE tenant_id = $1 AND id = $2", tenant.0, webhook.0)
        .execute(db)
        .await?;
    Ok(gone.rows_affected() == 1)
}
