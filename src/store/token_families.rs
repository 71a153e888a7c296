//! `token_families`

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use super::device_authorizations::sources::ends;
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::{ClientId, DeviceAuthorizationId, DeviceId, TenantId, TokenFamilyId, UserId};
use crate::model::token_family::RevocationReason;

/// Revokes a family; whether it was alive.
pub async fn revoke(
    db: impl PgExecutor<'_>,
    id: TokenFamilyId,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<bool> {
    let revoked = sqlx::query!(
        "UPDATE token_families SET revoked_at = $2, revoked_reason = $3 WHERE id = $1 AND revoked_at IS NULL",
        id.0,
        now,
        reason.as_str()
    )
    .execute(db)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// The living family that a session was redeemed for.
pub async fn of_session(
    db: impl PgExecutor<'_>,
    session: DeviceAuthorizationId,
) -> Result<Option<TokenFamilyId>> {
    Ok(sqlx::query_scalar!(
        "SELECT id FROM token_families WHERE device_authorization_id = $1 AND revoked_at IS NULL",
        session.0
    )
    .fetch_optional(db)
    .await?
    .map(TokenFamilyId))
}

/// What each of these devices was granted.
pub async fn scopes_of_devices(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    devices: &[Uuid],
) -> Result<HashMap<Uuid, Vec<String>>> {
    let rows = sqlx::query!(
        "SELECT device_id, granted_scopes FROM token_families WHERE tenant_id = $1 AND device_id = ANY($2)",
        tenant.0,
        devices
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.device_id, row.granted_scopes)).collect())
}

/// Deletes a batch of families that expired or were revoked before `ended_before`, with their devices and tokens.
pub async fn delete_ended(db: impl PgExecutor<'_>, ended_before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM devices WHERE id IN (
             SELECT d.id FROM token_families f JOIN devices d ON d.id = f.device_id
             WHERE f.ended_at < $1
             ORDER BY f.ended_at LIMIT 500 FOR UPDATE OF d SKIP LOCKED)",
        ended_before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// Revokes the family of a device; which it was, if it was alive.
pub async fn revoke_of_device(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    device: DeviceId,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<Option<TokenFamilyId>> {
    Ok(sqlx::query_scalar!(
        "UPDATE token_families SET revoked_at = $3, revoked_reason = $4
         WHERE device_id = $2 AND tenant_id = $1 AND revoked_at IS NULL
         RETURNING id",
        tenant.0,
        device.0,
        now,
        reason.as_str()
    )
    .fetch_optional(db)
    .await?
    .map(TokenFamilyId))
}

/// Revokes the family of a refresh token of this client, used or not; which it was, if it was alive.
pub async fn revoke_of_refresh_token(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    client: &ClientId,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<Option<TokenFamilyId>> {
    Ok(sqlx::query_scalar!(
        "UPDATE token_families f SET revoked_at = $4, revoked_reason = $5
         FROM refresh_tokens r
         WHERE r.token_hash = $2 AND r.tenant_id = $1 AND f.id = r.family_id AND f.client_id = $3
           AND f.revoked_at IS NULL
         RETURNING f.id",
        tenant.0,
        &token.0[..],
        client.as_str(),
        now,
        reason.as_str()
    )
    .fetch_optional(db)
    .await?
    .map(TokenFamilyId))
}

/// Revokes the families of devices that asked from this network since then; which they were, and whose. It reads all
/// of the tenant's devices: an index would cost every redemption for something that happens once a year.
pub async fn revoke_of_source(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    network: IpNet,
    since: DateTime<Utc>,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<Vec<(TokenFamilyId, UserId)>> {
    let (first, last) = ends(network);
    let revoked = sqlx::query!(
        "UPDATE token_families f SET revoked_at = $5, revoked_reason = $6
         FROM devices d
         WHERE d.id = f.device_id AND d.tenant_id = $1 AND d.ip_address BETWEEN $2 AND $3 AND d.created_at >= $4
           AND f.revoked_at IS NULL
         RETURNING f.id, f.user_id",
        tenant.0,
        first,
        last,
        since,
        now,
        reason.as_str()
    )
    .fetch_all(db)
    .await?;
    Ok(revoked.into_iter().map(|row| (TokenFamilyId(row.id), UserId(row.user_id))).collect())
}

/// Revokes every family of a user; how many were alive.
pub async fn revoke_of_user(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<u64> {
    let revoked = sqlx::query!(
        "UPDATE token_families SET revoked_at = $3, revoked_reason = $4
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

/// Revokes every family of a user but that of one device; each that was alive, with its device.
pub async fn revoke_of_other_devices(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    spared: Option<DeviceId>,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<Vec<(TokenFamilyId, DeviceId)>> {
    let revoked = sqlx::query!(
        "UPDATE token_families SET revoked_at = $3, revoked_reason = $4
         WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND device_id IS DISTINCT FROM $5
         RETURNING id, device_id",
        tenant.0,
        user.0,
        now,
        reason.as_str(),
        spared.map(|device| device.0)
    )
    .fetch_all(db)
    .await?;
    Ok(revoked.into_iter().map(|row| (TokenFamilyId(row.id), DeviceId(row.device_id))).collect())
}

/// Revokes the families of these devices; each that was alive, with its device.
pub async fn revoke_of_devices(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    devices: &[DeviceId],
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<Vec<(TokenFamilyId, DeviceId)>> {
    let devices: Vec<_> = devices.iter().map(|device| device.0).collect();
    let revoked = sqlx::query!(
        "UPDATE token_families SET revoked_at = $3, revoked_reason = $4
         WHERE tenant_id = $1 AND device_id = ANY($2) AND revoked_at IS NULL
         RETURNING id, device_id",
        tenant.0,
        &devices,
        now,
        reason.as_str()
    )
    .fetch_all(db)
    .await?;
    Ok(revoked.into_iter().map(|row| (TokenFamilyId(row.id), DeviceId(row.device_id))).collect())
}
