//! The end of sessions: they are deleted, in batches that one server takes and others pass over.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::store::Result;

/// Deletes a batch of undecided sessions that expired before `expired_before`; their user codes rest until `free_at`.
/// Approved ones that nobody confirmed or collected count as undecided.
pub async fn delete_undecided(
    db: impl PgExecutor<'_>,
    expired_before: DateTime<Utc>,
    free_at: DateTime<Utc>,
) -> Result<u64> {
    let gone = sqlx::query!(
        "WITH gone AS (
             DELETE FROM device_authorizations WHERE id IN (
                 SELECT id FROM device_authorizations WHERE expires_at < $1 AND state IN ('pending', 'confirming', 'approved')
                 ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
             RETURNING tenant_id, user_code_mac
         )
         INSERT INTO spent_user_codes (tenant_id, user_code_mac, free_at)
         SELECT tenant_id, user_code_mac, $2 FROM gone
         ON CONFLICT (tenant_id, user_code_mac) DO UPDATE SET free_at = excluded.free_at",
        expired_before,
        free_at
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// Deletes a batch of decided sessions that expired before `expired_before`.
pub async fn delete_decided(db: impl PgExecutor<'_>, expired_before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM device_authorizations WHERE id IN (
             SELECT id FROM device_authorizations WHERE expires_at < $1 AND state IN ('denied', 'consumed')
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        expired_before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// Forgets a batch of user codes that may be issued again at `now`.
pub async fn release_user_codes(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM spent_user_codes WHERE (tenant_id, user_code_mac) IN (
             SELECT tenant_id, user_code_mac FROM spent_user_codes WHERE free_at <= $1
             LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        now
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}
