//! `mac_keys`
//!
//! At most one key of a tenant and purpose is current. The first one is created when it is first needed, by any
//! instance; whoever replaces it must hold the tenant's keys ([`super::signing_keys::lock`]).

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Result;
use crate::model::ids::TenantId;
use crate::model::mac_key::{MacPurpose, SealedMacKey};

pub async fn current(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    purpose: MacPurpose,
) -> Result<Option<SealedMacKey>> {
    let row = sqlx::query!(
        "SELECT id, sealed FROM mac_keys WHERE tenant_id = $1 AND purpose = $2 AND retired_at IS NULL",
        tenant.0,
        purpose.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| SealedMacKey { tenant_id: tenant, purpose, id: row.id, sealed: row.sealed }))
}

/// Adds a key, which is current unless there is one already.
pub async fn insert(db: impl PgExecutor<'_>, key: &SealedMacKey, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO mac_keys (tenant_id, purpose, id, sealed, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, purpose) WHERE retired_at IS NULL DO NOTHING",
        key.tenant_id.0,
        key.purpose.as_str(),
        key.id,
        key.sealed,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes all keys of this purpose and adds this one.
pub async fn replace(db: &mut PgConnection, key: &SealedMacKey, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "DELETE FROM mac_keys WHERE tenant_id = $1 AND purpose = $2",
        key.tenant_id.0,
        key.purpose.as_str()
    )
    .execute(&mut *db)
    .await?;
    insert(db, key, now).await
}

/// Retires the current key and adds its successor.
pub async fn succeed(db: &mut PgConnection, key: &SealedMacKey, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE mac_keys SET retired_at = $3 WHERE tenant_id = $1 AND purpose = $2 AND retired_at IS NULL",
        key.tenant_id.0,
        key.purpose.as_str(),
        now
    )
    .execute(&mut *db)
    .await?;
    insert(db, key, now).await
}

/// Returns all audit keys of the tenant, the current one first, each with the time it was retired.
pub async fn audit_keys(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
) -> Result<Vec<(SealedMacKey, Option<DateTime<Utc>>)>> {
    let rows = sqlx::query!(
        "SELECT id, sealed, retired_at FROM mac_keys WHERE tenant_id = $1 AND purpose = 'audit'
         ORDER BY retired_at DESC NULLS FIRST",
        tenant.0
    )
    .fetch_all(db)
    .await?;
    let key = |id, sealed| SealedMacKey { tenant_id: tenant, purpose: MacPurpose::Audit, id, sealed };
    Ok(rows.into_iter().map(|row| (key(row.id, row.sealed), row.retired_at)).collect())
}

/// Deletes the tenant's audit keys that were retired before a given time, unless events of that time are still there.
pub async fn delete_retired_audit_keys(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    before: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "DELETE FROM mac_keys WHERE tenant_id = $1 AND purpose = 'audit' AND retired_at < $2
         AND NOT EXISTS (SELECT FROM audit_seals WHERE tenant_id = $1 AND cleared_mac IS NULL AND last_at < $2)",
        tenant.0,
        before
    )
    .execute(db)
    .await?;
    Ok(())
}
