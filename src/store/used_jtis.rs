//! `used_jtis`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::TenantId;

/// Notes that a proof was used; whether it was not before.
pub async fn spend(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    jti: SecretHash,
    expires_at: DateTime<Utc>,
) -> Result<bool> {
    let spent = sqlx::query!(
        "INSERT INTO used_jtis (tenant_id, jti_hash, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        tenant.0,
        &jti.0[..],
        expires_at
    )
    .execute(db)
    .await?;
    Ok(spent.rows_affected() == 1)
}

/// Deletes a batch of proofs' names that expired before `before`.
pub async fn delete_expired(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM used_jtis WHERE (tenant_id, jti_hash) IN (
             SELECT tenant_id, jti_hash FROM used_jtis WHERE expires_at < $1
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}
