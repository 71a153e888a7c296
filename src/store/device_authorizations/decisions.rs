//! A person says yes or no (RFC 8628 §3.3). Both are one compare-and-set from *pending*.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::model::approver::Approver;
use crate::model::ids::{DeviceAuthorizationId, TenantId, UserId};
use crate::model::scope::ScopeSet;
use crate::store::Result;

/// What a person granted, and in which shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapedGrant {
    /// The scopes.
    pub scopes: ScopeSet,
    /// Whether the device is trusted.
    pub trusted: bool,
    /// The device's name, where it is another than the device says.
    pub device_name: Option<String>,
    /// How long the connection lasts at most, in seconds, where it is shorter than the policy allows.
    pub lifetime_seconds: Option<u32>,
}

/// Approves a session that this approver has open. Returns `true` if it was still waiting.
pub async fn approve(
    db: impl PgExecutor<'_>,
    id: DeviceAuthorizationId,
    approver: &Approver,
    grant: &ShapedGrant,
    now: DateTime<Utc>,
) -> Result<bool> {
    let updated = sqlx::query!(
        "UPDATE device_authorizations
         SET state = 'approved', decided_at = $3, decided_by_user_id = $4, decided_in_session_id = $5,
             granted_scopes = $6, auth_time = $7, amr = $8, trusted = $9, chosen_name = $10,
             chosen_lifetime_seconds = $11
         WHERE tenant_id = $1 AND id = $2 AND state = 'pending' AND expires_at > $3 AND opened_by = $5",
        approver.user.tenant_id.0,
        id.0,
        now,
        approver.user.id.0,
        approver.id.0,
        &grant.scopes.to_vec(),
        approver.authentication.auth_time,
        &approver.authentication.amr,
        grant.trusted,
        grant.device_name,
        grant.lifetime_seconds.map(|seconds| i32::try_from(seconds).unwrap_or(i32::MAX))
    )
    .execute(db)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Refuses a session that this approver has open. Returns `true` if it was still waiting.
pub async fn deny(
    db: impl PgExecutor<'_>,
    id: DeviceAuthorizationId,
    approver: &Approver,
    now: DateTime<Utc>,
) -> Result<bool> {
    let denied = sqlx::query!(
        "UPDATE device_authorizations
         SET state = 'denied', decided_at = $3, decided_by_user_id = $4, decided_in_session_id = $5
         WHERE tenant_id = $1 AND id = $2 AND state = 'pending' AND expires_at > $3 AND opened_by = $5",
        approver.user.tenant_id.0,
        id.0,
        now,
        approver.user.id.0,
        approver.id.0
    )
    .execute(db)
    .await?;
    Ok(denied.rows_affected() == 1)
}

/// Ends a waiting session that nobody decided. Returns `true` if it was still waiting.
pub async fn kill(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let killed = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND id = $2 AND state = 'pending'",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(killed.rows_affected() == 1)
}

/// Ends a session of this tenant that still waits. Returns `true` if it did.
pub async fn end(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let ended = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE id = $2 AND tenant_id = $1 AND state IN ('pending', 'confirming') AND expires_at > $3",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Takes back one approval whose tokens no device has collected yet. Returns `true` if there was one.
pub async fn take_one_back(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let denied = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND id = $2 AND state IN ('confirming', 'approved')",
        tenant.0,
        id.0,
        now
    )
    .execute(db)
    .await?;
    Ok(denied.rows_affected() == 1)
}

/// Takes back what a user approved and no device has collected yet; their IDs.
pub async fn take_back(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<DeviceAuthorizationId>> {
    let denied = sqlx::query_scalar!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND decided_by_user_id = $2 AND state IN ('confirming', 'approved')
         RETURNING id",
        tenant.0,
        user.0,
        now
    )
    .fetch_all(db)
    .await?;
    Ok(denied.into_iter().map(DeviceAuthorizationId).collect())
}
