//! `revoked_access_tokens`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use super::db::Db;
use super::due_rows::for_each_due_tenant;
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
pub async fn delete_expired(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, expires_at AS at FROM revoked_access_tokens WHERE expires_at < $1
                 ORDER BY expires_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM revoked_access_tokens WHERE tenant_id = $1 AND jti IN (
             SELECT jti FROM revoked_access_tokens WHERE tenant_id = $1 AND expires_at BETWEEN $2 AND $3
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
