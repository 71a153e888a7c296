//! `webhook_deliveries`: messages that wait to be sent, queued by a trigger on the audit trail.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use super::db::Db;
use super::due_rows::for_each_due_tenant;
use super::inconsistent::RowOf;
use crate::model::ids::{TenantId, WebhookId};

/// How many messages one server sends at a time.
pub const CONCURRENT_CALLS: u8 = 32;

/// A message that one server has taken to send.
#[derive(Debug)]
pub struct Delivery {
    /// The message's identifier, the same at every attempt.
    pub id: Uuid,
    pub tenant_id: TenantId,
    pub webhook_id: WebhookId,
    pub url: String,
    /// What signs it, sealed.
    pub secret_sealed: Vec<u8>,
    /// What it says: a JSON object.
    pub payload: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Consecutive failed attempts of the webhook, across messages.
    pub failures: u32,
}

/// The number of messages that an instance sends concurrently, and what it is sending.
#[derive(Debug)]
pub struct Slots<'a> {
    /// The number of slots in total.
    pub total: i64,
    /// The most for one webhook, so that a slow receiver does not delay the others.
    pub for_webhook: i64,
    /// The webhooks of the messages under way, each as often as it has messages.
    pub taken: &'a [(TenantId, WebhookId)],
}

/// Returns messages that are due for the slots that are free, by tenant. Tenants take turns, each with its oldest
/// messages first, and none gets more than half of what the others have left: a tenant that comes later finds a slot.
pub async fn due(
    db: impl PgExecutor<'_>,
    slots: &Slots<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<(TenantId, Vec<Uuid>)>> {
    let (tenants, webhooks): (Vec<_>, Vec<_>) =
        slots.taken.iter().map(|(tenant, webhook)| (tenant.0, webhook.0)).unzip();
    let rows = sqlx::query!(
        r#"WITH busy AS MATERIALIZED (
               SELECT tenant_id, webhook_id, count(*) AS messages
               FROM unnest($2::uuid[], $3::uuid[]) AS taken (tenant_id, webhook_id) GROUP BY tenant_id, webhook_id
           ), waiting AS MATERIALIZED (
               SELECT w.tenant_id, oldest.id, oldest.next_attempt_at,
                      coalesce((SELECT sum(messages) FROM busy WHERE busy.tenant_id = w.tenant_id), 0) AS under_way,
                      row_number() OVER (PARTITION BY w.tenant_id ORDER BY oldest.next_attempt_at, oldest.id) AS turn
               FROM webhooks w
               CROSS JOIN LATERAL (
                   SELECT d.id, d.next_attempt_at FROM webhook_deliveries d
                   WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.id AND d.next_attempt_at <= $1
                   ORDER BY d.next_attempt_at
                   LIMIT greatest(0, $5::bigint - coalesce(
                       (SELECT messages FROM busy WHERE busy.tenant_id = w.tenant_id AND busy.webhook_id = w.id), 0))
               ) oldest
               WHERE w.held_until IS NULL OR w.held_until <= $1
           ), chosen AS MATERIALIZED (
               SELECT tenant_id, id FROM waiting
               WHERE turn + under_way <= greatest(1, ($4::bigint - cardinality($3::uuid[]) + under_way) / 2)
               ORDER BY turn + under_way, next_attempt_at LIMIT greatest(0, $4::bigint - cardinality($3::uuid[]))
           )
           SELECT tenant_id, array_agg(id) AS "ids!" FROM chosen GROUP BY tenant_id"#,
        now,
        &tenants,
        &webhooks,
        slots.total,
        slots.for_webhook
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (TenantId(row.tenant_id), row.ids)).collect())
}

/// Claims those of a tenant's messages that are still due. Another instance may claim them after `until`, unless their
/// outcome was recorded.
pub async fn claim(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    ids: &[Uuid],
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Delivery>> {
    let rows = sqlx::query!(
        r#"WITH due AS MATERIALIZED (
               SELECT id FROM webhook_deliveries
               WHERE tenant_id = $1 AND id = ANY($2) AND next_attempt_at <= $3
               FOR UPDATE SKIP LOCKED
           )
           UPDATE webhook_deliveries d SET attempts = attempts + 1, next_attempt_at = $4
           FROM due, webhooks w, audit_events e
           WHERE d.tenant_id = $1 AND d.id = due.id AND w.tenant_id = $1 AND w.id = d.webhook_id
             AND e.tenant_id = $1 AND e.id = d.event_id
           RETURNING d.id, d.webhook_id, d.attempts, w.url, w.secret_sealed, w.failures,
                     jsonb_build_object(
                         'type', e.action,
                         'timestamp', to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                         'data', jsonb_build_object(
                             'id', e.id, 'outcome', e.outcome, 'actor_kind', e.actor_kind, 'actor_id', e.actor_id,
                             'target_kind', e.target_kind, 'target_id', e.target_id, 'ip_address', host(e.ip_address),
                             'request_id', e.request_id, 'details', e.details))::text AS "payload!""#,
        tenant.0,
        ids,
        now,
        until
    )
    .fetch_all(db)
    .await?;
    let claimed = rows.into_iter().map(|row| {
        Ok(Delivery {
            id: row.id,
            tenant_id: tenant,
            webhook_id: WebhookId(row.webhook_id),
            url: row.url,
            secret_sealed: row.secret_sealed,
            payload: row.payload,
            attempt: RowOf::new("webhook_deliveries", row.id).number("attempts", row.attempts)?,
            failures: RowOf::new("webhooks", row.webhook_id).number("failures", row.failures)?,
        })
    });
    claimed.collect()
}

pub async fn record_success(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    delivery: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_deliveries SET delivered_at = $3, next_attempt_at = NULL, last_error = NULL WHERE tenant_id = $1 AND id = $2", tenant.0,
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
    tenant: TenantId,
    delivery: Uuid,
    reason: &str,
    next: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_deliveries SET last_error = $3, next_attempt_at = $4 WHERE tenant_id = $1 AND id = $2", tenant.0,
        delivery,
        reason,
        next
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives up all messages that wait for a webhook.
pub async fn give_up(db: impl PgExecutor<'_>, tenant: TenantId, webhook: WebhookId) -> Result<()> {
    sqlx::query!(
        "UPDATE webhook_deliveries SET next_attempt_at = NULL
         WHERE tenant_id = $1 AND webhook_id = $2 AND next_attempt_at IS NOT NULL",
        tenant.0,
        webhook.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Cancels a batch of messages created before `before` that still wait.
pub async fn give_up_old(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, created_at AS at FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL AND created_at < $1
                 ORDER BY created_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "UPDATE webhook_deliveries SET next_attempt_at = NULL WHERE tenant_id = $1 AND id IN (
             SELECT id FROM webhook_deliveries WHERE tenant_id = $1 AND created_at BETWEEN $2 AND $3 AND next_attempt_at IS NOT NULL
             ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}

/// Deletes a batch of messages created before `before` that were delivered or canceled.
pub async fn delete_over(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, created_at AS at FROM webhook_deliveries WHERE next_attempt_at IS NULL AND created_at < $1
                 ORDER BY created_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM webhook_deliveries WHERE tenant_id = $1 AND id IN (
             SELECT id FROM webhook_deliveries WHERE tenant_id = $1 AND created_at BETWEEN $2 AND $3 AND next_attempt_at IS NULL
             ORDER BY created_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
