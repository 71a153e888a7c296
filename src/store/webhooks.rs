//! `webhooks`

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use url::Url;

use super::Result;
use super::inconsistent::RowOf;
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

/// Returns the number of a tenant's webhooks, which stays until the transaction ends: others that add one wait.
pub async fn count_for_insert(db: &mut PgConnection, tenant: TenantId) -> Result<i64> {
    sqlx::query!("SELECT FROM tenants WHERE id = $1 FOR NO KEY UPDATE", tenant.0).execute(&mut *db).await?;
    let count =
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM webhooks WHERE tenant_id = $1"#, tenant.0);
    Ok(count.fetch_one(db).await?)
}

/// All webhooks of a tenant, the oldest first.
pub async fn all(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<Webhook>> {
    let rows = sqlx::query!(
        "SELECT id, url, actions, enabled, held_until FROM webhooks WHERE tenant_id = $1 ORDER BY id",
        tenant.0
    )
    .fetch_all(db)
    .await?;
    let webhooks = rows.into_iter().map(|row| {
        Ok(Webhook {
            id: WebhookId(row.id),
            tenant_id: tenant,
            url: RowOf::new("webhooks", row.id).take("url", Url::parse(&row.url).ok())?,
            actions: row.actions,
            enabled: row.enabled,
            held_until: row.held_until,
        })
    });
    webhooks.collect()
}

/// Pauses a webhook until `until` after `failures` consecutive failed attempts. Of concurrent attempts, the first one
/// counts.
pub async fn hold(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    webhook: WebhookId,
    failures: u32,
    until: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE webhooks SET failures = $3, held_until = $4 WHERE tenant_id = $1 AND id = $2 AND failures < $3", tenant.0,
        webhook.0,
        i32::try_from(failures).unwrap_or(i32::MAX),
        until
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A message has arrived: the others need not wait any longer.
pub async fn release(db: impl PgExecutor<'_>, tenant: TenantId, webhook: WebhookId) -> Result<()> {
    sqlx::query!(
        "UPDATE webhooks SET failures = 0, held_until = NULL WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        webhook.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Stops telling a webhook anything; whether it was told until now.
pub async fn disable(db: impl PgExecutor<'_>, tenant: TenantId, webhook: WebhookId) -> Result<bool> {
    let disabled = sqlx::query!(
        "UPDATE webhooks SET enabled = false WHERE tenant_id = $1 AND id = $2 AND enabled",
        tenant.0,
        webhook.0
    )
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
