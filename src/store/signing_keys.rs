//! `signing_keys`

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::Result;
use crate::model::ids::TenantId;
use crate::model::signing_key::{SealedSigningKey, SigningAlgorithm};

/// The key that signs for the tenant with this algorithm.
pub async fn signing(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    algorithm: SigningAlgorithm,
) -> Result<Option<SealedSigningKey>> {
    let row = sqlx::query!(
        "SELECT kid, private_sealed FROM signing_keys WHERE tenant_id = $1 AND alg = $2 AND state = 'signing'",
        tenant.0,
        algorithm.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| SealedSigningKey {
        tenant_id: tenant,
        kid: row.kid,
        algorithm,
        private_sealed: row.private_sealed,
    }))
}

/// The public keys that verify tokens of the tenant, oldest first.
pub async fn published(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<Value>> {
    Ok(sqlx::query_scalar!(
        "SELECT public_jwk FROM signing_keys WHERE tenant_id = $1 AND state <> 'removed' ORDER BY created_at, kid",
        tenant.0
    )
    .fetch_all(db)
    .await?)
}

/// Adds a key that signs from now on; whether the tenant had none for its algorithm.
pub async fn insert_signing(
    db: impl PgExecutor<'_>,
    key: &SealedSigningKey,
    public_jwk: &Value,
    now: DateTime<Utc>,
) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO signing_keys (tenant_id, kid, alg, public_jwk, private_sealed, state, created_at)
         VALUES ($1, $2, $3, $4, $5, 'signing', $6) ON CONFLICT DO NOTHING",
        key.tenant_id.0,
        key.kid,
        key.algorithm.as_str(),
        public_jwk,
        key.private_sealed,
        now
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// The public key of the tenant that has this identifier, unless it was removed.
pub async fn public(db: impl PgExecutor<'_>, tenant: TenantId, kid: &str) -> Result<Option<Value>> {
    Ok(sqlx::query_scalar!(
        "SELECT public_jwk FROM signing_keys WHERE tenant_id = $1 AND kid = $2 AND state <> 'removed'",
        tenant.0,
        kid
    )
    .fetch_optional(db)
    .await?)
}
