//! Devices end: all their tokens are dead at once. The row stays for the audit trail, until housekeeping takes it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::model::bearer_secret::SecretHash;
use crate::model::ids::{ClientId, DeviceId, TenantId, UserId};
use crate::model::token_family::RevocationReason;
use crate::store::Result;
use crate::store::device_authorizations::sources::ends;

/// Revokes a device. Returns `true` if it was not revoked before.
pub async fn revoke(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    device: DeviceId,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<bool> {
    let revoked = sqlx::query!(
        "UPDATE devices SET revoked_at = $3, revoked_reason = $4
         WHERE id = $2 AND tenant_id = $1 AND revoked_at IS NULL",
        tenant.0,
        device.0,
        now,
        reason.as_str()
    )
    .execute(db)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Revokes the device that a refresh token of this client names, whatever its generation. Returns `true` if it was not
/// revoked before.
pub async fn revoke_by_token(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    device: DeviceId,
    token: SecretHash,
    client: &ClientId,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<bool> {
    let revoked = sqlx::query!(
        "UPDATE devices SET revoked_at = $5, revoked_reason = $6
         WHERE id = $2 AND tenant_id = $1 AND token_hash = $3 AND client_id = $4 AND revoked_at IS NULL",
        tenant.0,
        device.0,
        &token.0[..],
        client.as_str(),
        now,
        reason.as_str()
    )
    .execute(db)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// What each of these devices was granted.
pub async fn scopes_of_devices(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    devices: &[Uuid],
) -> Result<HashMap<Uuid, Vec<String>>> {
    let rows = sqlx::query!(
        "SELECT id, granted_scopes FROM devices WHERE tenant_id = $1 AND id = ANY($2)",
        tenant.0,
        devices
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.granted_scopes)).collect())
}

/// The tenants that have devices that expired or were revoked before `ended_before`.
pub async fn tenants_with_ended(
    db: impl PgExecutor<'_>,
    ended_before: DateTime<Utc>,
) -> Result<Vec<TenantId>> {
    let tenants = sqlx::query_scalar!(
        "SELECT t.id FROM tenants t
         WHERE EXISTS (SELECT FROM devices d WHERE d.tenant_id = t.id AND d.ended_at < $1)",
        ended_before
    )
    .fetch_all(db)
    .await?;
    Ok(tenants.into_iter().map(TenantId).collect())
}

/// Deletes a batch of a tenant's devices that expired or were revoked before `ended_before`, with the authorizations that
/// they came from: only a device tells whose a redeemed authorization is, when the user is deleted.
pub async fn delete_ended(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    ended_before: DateTime<Utc>,
) -> Result<u64> {
    let gone = sqlx::query_scalar!(
        r#"WITH gone AS (
             DELETE FROM devices WHERE tenant_id = $1 AND id IN (
                 SELECT id FROM devices WHERE tenant_id = $1 AND ended_at < $2
                 ORDER BY ended_at LIMIT 500 FOR UPDATE SKIP LOCKED)
             RETURNING id
           ), forgotten AS (
             DELETE FROM device_authorizations WHERE tenant_id = $1 AND id = ANY(ARRAY(SELECT id FROM gone))
           )
           SELECT count(*) AS "count!" FROM gone"#,
        tenant.0,
        ended_before
    )
    .fetch_one(db)
    .await?;
    Ok(u64::try_from(gone).unwrap_or_default())
}

/// Revokes the devices that asked from this network since then. Returns them with their users. It reads all of the
/// tenant's devices: an index would cost every redemption for something that happens once a year.
pub async fn revoke_of_source(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    network: IpNet,
    since: DateTime<Utc>,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<Vec<(DeviceId, UserId)>> {
    let (first, last) = ends(network);
    let revoked = sqlx::query!(
        "UPDATE devices SET revoked_at = $5, revoked_reason = $6
         WHERE tenant_id = $1 AND ip_address BETWEEN $2 AND $3 AND created_at >= $4 AND revoked_at IS NULL
         RETURNING id, user_id",
        tenant.0,
        first,
        last,
        since,
        now,
        reason.as_str()
    )
    .fetch_all(db)
    .await?;
    Ok(revoked.into_iter().map(|row| (DeviceId(row.id), UserId(row.user_id))).collect())
}

/// Revokes every device of a user. Returns their number.
pub async fn revoke_of_user(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<u64> {
    let revoked = sqlx::query!(
        "UPDATE devices SET revoked_at = $3, revoked_reason = $4
         WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL",
        tenant.0,
        user.0,
        now,
        reason.as_str()
    )
    .execute(db)
    .await?;
    Ok(revoked.rows_affected())
}

/// Revokes every device of a user but one. Returns those that were not revoked before.
pub async fn revoke_others(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    spared: Option<DeviceId>,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<Vec<DeviceId>> {
    let revoked = sqlx::query_scalar!(
        "UPDATE devices SET revoked_at = $3, revoked_reason = $4
         WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND id IS DISTINCT FROM $5
         RETURNING id",
        tenant.0,
        user.0,
        now,
        reason.as_str(),
        spared.map(|device| device.0)
    )
    .fetch_all(db)
    .await?;
    Ok(revoked.into_iter().map(DeviceId).collect())
}

/// Revokes these devices. Returns those that were not revoked before.
pub async fn revoke_all(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    devices: &[DeviceId],
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<Vec<DeviceId>> {
    let devices: Vec<_> = devices.iter().map(|device| device.0).collect();
    let revoked = sqlx::query_scalar!(
        "UPDATE devices SET revoked_at = $3, revoked_reason = $4
         WHERE tenant_id = $1 AND id = ANY($2) AND revoked_at IS NULL
         RETURNING id",
        tenant.0,
        &devices,
        now,
        reason.as_str()
    )
    .fetch_all(db)
    .await?;
    Ok(revoked.into_iter().map(DeviceId).collect())
}
