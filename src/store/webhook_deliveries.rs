//! `webhook_deliveries`: messages that wait to be sent, queued by a trigger on the audit trail.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use crate::model::ids::{TenantId, WebhookId};

/// A message that one server has taken to send.
#[derive(Debug)]
pub struct Delivery {
    /// The message's identifier, the same at every attempt.
    pub id: Uuid,
    /// Whose event it tells of.
    pub tenant_id: TenantId,
    /// Whom it is for.
    pub webhook_id: WebhookId,
    /// Where that is.
    pub url: String,
    /// What signs it, sealed.
    pub secret_sealed: Vec<u8>,
    /// What it says: a JSON object.
    pub payload: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// How many attempts for its webhook have failed in a row, of any message.
    pub failures: u32,
}

/// Takes up to `limit` messages that are due, the oldest first, but of each webhook only `limit_each`. Whoever takes one has it until `until`; then, unless its outcome was
/// written down, another server may take it.
pub async fn take_due(
    db: impl PgExecutor<'_>,
    limit: i64,
    limit_each: i64,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Delivery>> {
    let rows = sqlx::query!(
        r#"WITH due AS (
               SELECT first.id, w.url, w.secret_sealed, w.failures
               FROM webhooks w
               CROSS JOIN LATERAL (
                   SELECT id, next_attempt_at FROM webhook_deliveries
                   WHERE webhook_id = w.id AND next_attempt_at <= $1
                   ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED
               ) first
               WHERE w.held_until IS NULL OR w.held_until <= $1
               ORDER BY first.next_attempt_at LIMIT $2
           )
           UPDATE webhook_deliveries d SET attempts = attempts + 1, next_attempt_at = $4
           FROM due WHERE d.id = due.id
           RETURNING d.id, d.tenant_id, d.webhook_id, d.payload::text AS "payload!", d.attempts, due.url,
                     due.secret_sealed, due.failures"#,
        now,
        limit,
        limit_each,
        until
    )
    .fetch_all(db)
    .await?;
    let taken = rows.into_iter().map(|row| Delivery {
        id: row.id,
        tenant_id: TenantId(row.tenant_id),
        webhook_id: WebhookId(row.webhook_id),
        url: row.url,
        secret_sealed: row.secret_sealed,
        payload: row.payload,
        attempt: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
    });
    Ok(taken.collect())
}

/// Notes that a message arrived.
pub async fn record_success(db: impl PgExecutor<'_>, delivery: Uuid, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_deliveries SET delivered_at = $2, next_attempt_at = NULL, last_error = NULL WHERE id = $1",
        delivery,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Notes that an attempt failed, and when the next one comes; `None`: the message is given up.
pub async fn record_failure(
    db: impl PgExecutor<'_>,
    delivery: Uuid,
    reason: &str,
    next: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_deliveries SET last_error = $2, next_attempt_at = $3 WHERE id = $1",
        delivery,
        reason,
        next
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives up all messages that wait for a webhook.
pub async fn give_up(db: impl PgExecutor<'_>, webhook: WebhookId) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_deliveries SET next_attempt_at = NULL
         WHERE webhook_id = $1 AND next_attempt_at IS NOT NULL",
        webhook.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives up a batch of messages made before `before` that still wait.
pub async fn give_up_old(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64> {
    let given_up = sqlx::query!(
        "UPDATE webhook_deliveries SET next_attempt_at = NULL WHERE id IN (
             SELECT id FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL AND created_at < $1
             ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        before
    )
    .execute(db)
    .await?;
    Ok(given_up.rows_affected())
}

/// Deletes a batch of messages made before `before` that were delivered or given up.
pub async fn delete_over(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM webhook_deliveries WHERE id IN (
             SELECT id FROM webhook_deliveries WHERE next_attempt_at IS NULL AND created_at < $1
             ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}
