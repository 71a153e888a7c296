//! `token_families`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::ids::{DeviceSessionId, TokenFamilyId};
use crate::model::token_family::RevocationReason;

/// Revokes a family; whether it was alive.
pub async fn revoke(
    db: impl PgExecutor<'_>,
    id: TokenFamilyId,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<bool> {
    let revoked = sqlx::query!(
        "UPDATE token_families SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL",
        id.0,
        now,
        reason.as_str()
    )
    .execute(db)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// The living family that a session was redeemed for.
pub async fn of_session(db: impl PgExecutor<'_>, session: DeviceSessionId) -> Result<Option<TokenFamilyId>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM token_families WHERE device_session_id = $1 AND revoked_at IS NULL",
        session.0
    )
    .fetch_optional(db)
    .await?
    .map(TokenFamilyId))
}

/// Deletes a batch of families that expired or were revoked before `ended_before`, with their devices and tokens.
pub async fn delete_ended(db: impl PgExecutor<'_>, ended_before: DateTime<Utc>) -> Result<u64> {
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
