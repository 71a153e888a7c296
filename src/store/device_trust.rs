//! The trust in devices, and what it means for their ends.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::ids::{ClientId, DeviceId, TenantId, UserId};

/// The client of a trusted device, which is locked until the transaction ends; `None`: there is no such device, or it
/// is not trusted.
pub async fn lock(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    device: DeviceId,
    owner: Option<UserId>,
) -> Result<Option<ClientId>> {
    Ok(sqlx::query_scalar!(
        "SELECT client_id FROM devices
         WHERE id = $2 AND tenant_id = $1 AND trusted AND ($3::uuid IS NULL OR user_id = $3)
         FOR NO KEY UPDATE",
        tenant.0,
        device.0,
        owner.map(|owner| owner.0)
    )
    .fetch_optional(db)
    .await?
    .map(ClientId::from_known))
}

/// Ends the trust in a device: it ends `absolute` after it began at the latest, and its refresh token `idle` after it was
/// issued.
pub async fn end(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    device: DeviceId,
    idle: TimeDelta,
    absolute: TimeDelta,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE devices
         SET trusted = false, trusted_jkt = NULL, updated_at = $3, version = version + 1,
             expires_at = least(expires_at, created_at + make_interval(secs => $5)),
             idle_expires_at = least(idle_expires_at, exchanged_at + make_interval(secs => $4),
                                     created_at + make_interval(secs => $5))
         WHERE id = $2 AND tenant_id = $1",
        tenant.0,
        device.0,
        now,
        idle.as_seconds_f64(),
        absolute.as_seconds_f64()
    )
    .execute(db)
    .await?;
    Ok(())
}
