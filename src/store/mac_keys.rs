//! `mac_keys`
//!
//! At most one key of a tenant and purpose is current. The first one is created when it is first needed, by any
//! instance; whoever replaces it must hold the tenant's keys ([`super::signing_keys::lock`]).

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Result;
use crate::model::ids::TenantId;
use crate::model::mac_key::{MacPurpose, SealedMacKey};

/// Returns the current key.
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
