//! The trust in devices: in `devices`, and in the ends of what hangs on them.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;

use super::{Result, thumbprint};
use crate::model::ids::{ClientId, DeviceAuthorizationId, DeviceId, TenantId, UserId};
use crate::model::token_family::Trust;

/// The trust in the device that collected the tokens of this session the last time, if it is still trusted.
pub async fn of_session(db: impl PgExecutor<'_>, session: DeviceAuthorizationId) -> Result<Option<Trust>> {
    let found = sqlx::query_scalar!(
        "SELECT d.trusted_jkt FROM token_families f JOIN devices d ON d.id = f.device_id
         WHERE f.device_authorization_id = $1 AND f.revoked_at IS NULL AND d.trusted",
        session.0
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(|key| Trust { key: key.as_deref().and_then(thumbprint) }))
}

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

/// Ends the trust in a device: it ends, as does its family, `absolute` after it began at the latest, and its refresh
/// token `idle` after it was issued.
pub async fn end(
    db: impl PgExecutor<'_>,
    device: DeviceId,
    idle: TimeDelta,
    absolute: TimeDelta,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "WITH device AS (
             UPDATE devices
             SET trusted = false, trusted_jkt = NULL, updated_at = $2, version = version + 1,
                 expires_at = least(expires_at, created_at + make_interval(secs => $4))
             WHERE id = $1
         ), family AS (
             UPDATE token_families SET expires_at = least(expires_at, created_at + make_interval(secs => $4))
             WHERE device_id = $1
             RETURNING id, expires_at
         )
         UPDATE refresh_tokens t
         SET expires_at = least(t.expires_at, t.created_at + make_interval(secs => $3), family.expires_at)
         FROM family
         WHERE t.family_id = family.id AND t.rotated_at IS NULL AND t.superseded_at IS NULL",
        device.0,
        now,
        idle.as_seconds_f64(),
        absolute.as_seconds_f64()
    )
    .execute(db)
    .await?;
    Ok(())
}
