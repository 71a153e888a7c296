//! `audit_events`: only ever added to, and cleared away when they are old.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use crate::model::audit_event::AuditEvent;
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;

/// Adds an event, in the transaction of the change it tells of.
pub async fn insert(
    db: impl PgExecutor<'_>,
    id: Uuid,
    tenant: TenantId,
    event: &AuditEvent<'_>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id, target_kind, target_id,
                                   ip_address, request_id, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        id,
        tenant.0,
        now,
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.target_kind,
        event.target_id,
        event.origin.map(RequestOrigin::ip_network),
        event.origin.map(|origin| origin.request_id.0),
        event.details
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a batch of events older than `before`.
pub async fn delete_older(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM audit_events WHERE id IN (
             SELECT id FROM audit_events WHERE at < $1 ORDER BY at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}
