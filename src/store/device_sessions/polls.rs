//! A device asks again (RFC 8628 §3.4).

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::SessionRow;
use crate::model::bearer_secret::SecretHash;
use crate::model::device_session::{DeviceSession, Polling};
use crate::model::ids::{DeviceSessionId, TenantId};
use crate::store::Result;

/// The session of this device code and how it is polled, locked until the transaction ends: of two polls at
/// once, one is early.
pub async fn lock(
    db: &mut PgConnection,
    tenant: TenantId,
    device_code: SecretHash,
) -> Result<Option<(DeviceSession, Polling)>> {
    let row = sqlx::query!(
        "SELECT id, client_id, expires_at, state, decided_at, decided_by_user_id, granted_scopes, auth_time, amr,
                consumed_at, interval_seconds, last_polled_at
         FROM device_sessions WHERE device_code_hash = $2 AND tenant_id = $1
         FOR NO KEY UPDATE",
        tenant.0,
        &device_code.0[..]
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| {
        let polling = Polling {
            interval_seconds: u32::try_from(row.interval_seconds).unwrap_or(1),
            last_polled_at: row.last_polled_at,
        };
        let session = SessionRow {
            id: row.id,
            client_id: row.client_id,
            expires_at: row.expires_at,
            state: row.state,
            decided_at: row.decided_at,
            decided_by_user_id: row.decided_by_user_id,
            granted_scopes: row.granted_scopes,
            auth_time: row.auth_time,
            amr: row.amr,
            consumed_at: row.consumed_at,
        };
        (session.into_session(tenant), polling)
    }))
}

/// Writes when the session was polled and how often it may be: these columns and no others, so that it can
/// never undo a decision.
pub async fn record(
    db: impl PgExecutor<'_>,
    id: DeviceSessionId,
    interval_seconds: u32,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE device_sessions
         SET poll_count = poll_count + 1, last_polled_at = $2, interval_seconds = greatest(interval_seconds, $3)
         WHERE id = $1",
        id.0,
        now,
        i32::try_from(interval_seconds).unwrap_or(i32::MAX)
    )
    .execute(db)
    .await?;
    Ok(())
}
