//! `devices`. A device is there as long as it is not revoked; what is left of it afterwards is for the audit trail, until
//! housekeeping takes it.

pub mod endings;
pub mod listings;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

use super::{Result, host};
use crate::model::device::{Device, DeviceDescription, DeviceStatus, LockHolder};
use crate::model::ids::{ClientId, DeviceAuthorizationId, DeviceId, TenantId, UserId};
use crate::model::place::Place;
use crate::model::version::Version;

/// Reads living devices of tenant `$1` as [`DeviceRow`]s: those for which the conditions hold.
macro_rules! select_living {
    ($conditions:literal, $($argument:expr),+) => {
        sqlx::query_as!(
            DeviceRow,
            // A function hides from the macro that the columns of its table are not null.
            r#"SELECT id AS "id!", user_id AS "user_id!", client_id AS "client_id!", name, os, hostname, client_version,
                      metadata AS "metadata!: Json<Map<String, Value>>", user_agent, ip_address,
                      place AS "place: Json<Place>", trusted AS "trusted!", locked_at,
                      locked_by_administrator AS "locked_by_administrator!", created_at AS "created_at!",
                      updated_at AS "updated_at!", last_login_at AS "last_login_at!", last_seen_at AS "last_seen_at!",
                      unusual_at, expires_at AS "expires_at!", version AS "version!"
               FROM living_devices($1) "# + $conditions,
            $($argument),+
        )
    };
}

/// A user's devices, newest first: those that `offset` leaves, `limit` at most.
pub async fn page_of_user(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    offset: i64,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Device>> {
    let rows = select_living!(
        "WHERE user_id = $2 ORDER BY created_at DESC OFFSET $3 LIMIT $4",
        tenant.0,
        user.0,
        offset,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| row.into_device(now)).collect())
}

/// How many devices a user has.
pub async fn count_of_user(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM living_devices($1) WHERE user_id = $2"#,
        tenant.0,
        user.0
    )
    .fetch_one(db)
    .await?)
}

pub async fn find(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    id: DeviceId,
    now: DateTime<Utc>,
) -> Result<Option<Device>> {
    let row =
        select_living!("WHERE id = $3 AND user_id = $2", tenant.0, user.0, id.0).fetch_optional(db).await?;
    Ok(row.map(|row| row.into_device(now)))
}

/// Keeps others from changing the device until the transaction ends.
pub async fn lock_row(db: impl PgExecutor<'_>, tenant: TenantId, id: DeviceId) -> Result<()> {
    sqlx::query!("SELECT id FROM devices WHERE id = $2 AND tenant_id = $1 FOR NO KEY UPDATE", tenant.0, id.0)
        .fetch_optional(db)
        .await?;
    Ok(())
}

/// Writes what its owner may change.
pub async fn describe(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceId,
    name: Option<&str>,
    metadata: &Map<String, Value>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE devices SET name = $3, metadata = $4, updated_at = $5, version = version + 1
         WHERE id = $2 AND tenant_id = $1",
        tenant.0,
        id.0,
        name,
        Json(metadata) as _,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Locks the device, or unlocks it where nobody holds its lock.
pub async fn set_lock(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceId,
    holder: Option<LockHolder>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE devices SET locked_at = $3, locked_by_administrator = $4, updated_at = $5, version = version + 1
         WHERE id = $2 AND tenant_id = $1",
        tenant.0,
        id.0,
        holder.map(|_| now),
        holder == Some(LockHolder::Administrator),
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn owner(db: impl PgExecutor<'_>, tenant: TenantId, id: DeviceId) -> Result<Option<UserId>> {
    let owner =
        sqlx::query_scalar!("SELECT user_id FROM devices WHERE id = $2 AND tenant_id = $1", tenant.0, id.0)
            .fetch_optional(db)
            .await?;
    Ok(owner.map(UserId))
}

/// The columns of a [`Device`].
#[derive(FromRow)]
struct DeviceRow {
    id: Uuid,
    user_id: Uuid,
    client_id: String,
    name: Option<String>,
    os: Option<String>,
    hostname: Option<String>,
    client_version: Option<String>,
    metadata: Json<Map<String, Value>>,
    user_agent: Option<String>,
    ip_address: Option<IpNet>,
    place: Option<Json<Place>>,
    trusted: bool,
    locked_at: Option<DateTime<Utc>>,
    locked_by_administrator: bool,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    last_login_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    unusual_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    version: Version,
}

impl DeviceRow {
    fn into_device(self, now: DateTime<Utc>) -> Device {
        Device {
            id: self.id,
            user_id: Some(UserId(self.user_id)),
            client_id: ClientId::from_known(self.client_id),
            description: DeviceDescription {
                name: self.name,
                os: self.os,
                hostname: self.hostname,
                client_version: self.client_version,
                metadata: self.metadata.0,
            },
            user_agent: self.user_agent,
            authorization_id: DeviceAuthorizationId(self.id),
            ip_address: host(self.ip_address),
            place: self.place.map(|place| place.0),
            trusted: self.trusted,
            status: DeviceStatus::of_connected(self.locked_at, self.expires_at, now),
            locked_by_administrator: self.locked_by_administrator,
            created_at: self.created_at,
            updated_at: self.updated_at,
            last_login_at: Some(self.last_login_at),
            last_seen_at: Some(self.last_seen_at),
            unusual_at: self.unusual_at,
            expires_at: self.expires_at,
            version: self.version,
        }
    }
}
