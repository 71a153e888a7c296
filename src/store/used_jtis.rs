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
