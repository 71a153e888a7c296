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
        "INSERT INTO revoked_access_tokens (tenant_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        tenant.0,
        jti,
        expires_at
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}
