//! Deleting, in batches that one server takes and others pass over.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;

/// Undecided sessions that expired before `expired_before`; their user codes rest until `free_at`. Approved ones
/// that nobody collected count as undecided.
pub async fn expired_sessions(
    db: impl PgExecutor<'_>,
    expired_before: DateTime<Utc>,
    free_at: DateTime<Utc>,
) -> Result<u64> {
    let gone = sqlx::query!(
        "WITH gone AS (
             DELETE FROM device_sessions WHERE id IN (
                 SELECT id FROM device_sessions WHERE expires_at < $1 AND state IN ('pending', 'approved')
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

/// Decided sessions that expired before `expired_before`.
pub async fn decided_sessions(db: impl PgExecutor<'_>, expired_before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM device_sessions WHERE id IN (
             SELECT id FROM device_sessions WHERE expires_at < $1 AND state IN ('denied', 'consumed')
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        expired_before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// User codes that may be issued again at `now`.
pub async fn spent_user_codes(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64> {
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

/// Devices whose family expired or was revoked before `ended_before`, with the family and its tokens.
pub async fn ended_devices(db: impl PgExecutor<'_>, ended_before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM devices WHERE id IN (
             SELECT d.id FROM token_families f JOIN devices d ON d.id = f.device_id
             WHERE f.ended_at < $1
             ORDER BY f.ended_at LIMIT 500 FOR UPDATE OF d SKIP LOCKED)",
        ended_before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// Browser sessions that ended before `ended_before`.
pub async fn browser_sessions(db: impl PgExecutor<'_>, ended_before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM browser_sessions WHERE id IN (
             SELECT id FROM browser_sessions WHERE least(ended_at, expires_at) < $1
             LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        ended_before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// Budgets that nobody has touched since `touched_before`: all is given back by then.
pub async fn attempt_budgets(db: impl PgExecutor<'_>, touched_before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM attempt_budgets WHERE (tenant_id, guard, subject) IN (
             SELECT tenant_id, guard, subject FROM attempt_budgets WHERE updated_at < $1
             LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        touched_before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// Audit events older than `before`.
pub async fn audit_events(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM audit_events WHERE id IN (
             SELECT id FROM audit_events WHERE at < $1 ORDER BY at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// Used proofs that are too old at `now` to be accepted anyway.
pub async fn used_jtis(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM used_jtis WHERE (tenant_id, jti_hash) IN (
             SELECT tenant_id, jti_hash FROM used_jtis WHERE expires_at <= $1
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        now
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// Revoked access tokens that are over at `now` anyway.
pub async fn revoked_access_tokens(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM revoked_access_tokens WHERE (tenant_id, jti) IN (
             SELECT tenant_id, jti FROM revoked_access_tokens WHERE expires_at <= $1
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        now
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}
