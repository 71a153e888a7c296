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
