//! `used_jtis`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use super::db::Db;
use super::due_rows::for_each_due_tenant;
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
        "INSERT INTO used_jtis (tenant_id, jti_hash, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, jti_hash) DO NOTHING",
        tenant.0,
        &jti.0[..],
        expires_at
    )
    .execute(db)
    .await?;
    Ok(spent.rows_affected() == 1)
}

/// Notes that a proof was used in the flow of this device code, if it is about one. Returns `true` if it was not used
/// before, or only in this flow.
pub async fn spend_in_flow(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    jti: SecretHash,
    expires_at: DateTime<Utc>,
    device_code: Option<SecretHash>,
) -> Result<bool> {
    let flow = device_code.map(|code| code.0.to_vec());
    let fits = sqlx::query_scalar!(
        r#"WITH spent AS (
               INSERT INTO used_jtis (tenant_id, jti_hash, expires_at, flow) VALUES ($1, $2, $3, $4)
               ON CONFLICT (tenant_id, jti_hash) DO NOTHING RETURNING true
           )
           SELECT EXISTS (SELECT FROM spent)
               OR EXISTS (SELECT FROM used_jtis WHERE tenant_id = $1 AND jti_hash = $2 AND flow = $4) AS "fits!""#,
        tenant.0,
        &jti.0[..],
        expires_at,
        flow
    );
    Ok(fits.fetch_one(db).await?)
}

/// Binds a proof that was used to the flow of this device code, unless it has one.
pub async fn bind(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    jti: SecretHash,
    device_code: SecretHash,
) -> Result<()> {
    sqlx::query!(
        "UPDATE used_jtis SET flow = $3 WHERE tenant_id = $1 AND jti_hash = $2 AND flow IS NULL",
        tenant.0,
        &jti.0[..],
        &device_code.0[..]
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a batch of used proofs that expired before `before`.
pub async fn delete_expired(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, expires_at AS at FROM used_jtis WHERE expires_at < $1
                 ORDER BY expires_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM used_jtis WHERE tenant_id = $1 AND jti_hash IN (
             SELECT jti_hash FROM used_jtis WHERE tenant_id = $1 AND expires_at BETWEEN $2 AND $3
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
