//! `revoked_access_tokens`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::ids::TenantId;

/// Notes that an access token is revoked; whether it was not before.
pub async fn insert(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    jti: &str,
    expires_at: DateTime<Utc>,
) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO revoked_access_tokens (tenant_id, jti, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, jti) DO NOTHING",
        tenant.0,
        jti,
        expires_at
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Deletes a batch of tokens that expired before `before`.
pub async fn delete_expired(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM revoked_access_tokens WHERE (tenant_id, jti) IN (
             SELECT tenant_id, jti FROM revoked_access_tokens WHERE expires_at < $1
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}
