//! A person says yes or no (RFC 8628 §3.3). Both are one compare-and-set from *pending*.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::model::bearer_secret::SecretHash;
use crate::model::device_session::Authentication;
use crate::model::ids::{BrowserSessionId, DeviceSessionId, TenantId, UserId};
use crate::model::scope::ScopeSet;
use crate::store::{Result, hash32};

/// Approves a session that this browser has open; its device code's hash if it was still waiting.
pub async fn approve(
    db: impl PgExecutor<'_>,
    id: DeviceSessionId,
    browser: BrowserSessionId,
    user: UserId,
    scopes: &ScopeSet,
    authentication: &Authentication,
    now: DateTime<Utc>,
) -> Result<Option<SecretHash>> {
    let approved = sqlx::query_scalar!(
        "UPDATE device_sessions
         SET state = 'approved', decided_at = $2, decided_by_user_id = $3, decided_in_session_id = $4,
             granted_scopes = $5, auth_time = $6, amr = $7
         WHERE id = $1 AND state = 'pending' AND expires_at > $2 AND opened_by = $4
         RETURNING device_code_hash",
        id.0,
        now,
        user.0,
        browser.0,
        &scopes.to_vec(),
        authentication.auth_time,
        &authentication.amr
    )
    .fetch_optional(db)
    .await?;
    Ok(approved.as_deref().and_then(hash32))
}

/// Refuses a session that this browser has open; its device code's hash if it was still waiting.
pub async fn deny(
    db: impl PgExecutor<'_>,
    id: DeviceSessionId,
    browser: BrowserSessionId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Option<SecretHash>> {
    let denied = sqlx::query_scalar!(
        "UPDATE device_sessions
         SET state = 'denied', decided_at = $2, decided_by_user_id = $3, decided_in_session_id = $4
         WHERE id = $1 AND state = 'pending' AND expires_at > $2 AND opened_by = $4
         RETURNING device_code_hash",
        id.0,
        now,
        user.0,
        browser.0
    )
    .fetch_optional(db)
    .await?;
    Ok(denied.as_deref().and_then(hash32))
}

/// Ends a waiting session that nobody decided; its device code's hash if it was still waiting.
pub async fn kill(
    db: impl PgExecutor<'_>,
    id: DeviceSessionId,
    now: DateTime<Utc>,
) -> Result<Option<SecretHash>> {
    let killed = sqlx::query_scalar!(
        "UPDATE device_sessions SET state = 'denied', decided_at = $2 WHERE id = $1 AND state = 'pending'
         RETURNING device_code_hash",
        id.0,
        now
    )
    .fetch_optional(db)
    .await?;
    Ok(killed.as_deref().and_then(hash32))
}

/// Ends a session of this tenant that still waits; its device code's hash if it did.
pub async fn end(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceSessionId,
    now: DateTime<Utc>,
) -> Result<Option<SecretHash>> {
    let ended = sqlx::query_scalar!(
        "UPDATE device_sessions SET state = 'denied', decided_at = $3
         WHERE id = $2 AND tenant_id = $1 AND state = 'pending' AND expires_at > $3
         RETURNING device_code_hash",
        tenant.0,
        id.0,
        now
    )
    .fetch_optional(db)
    .await?;
    Ok(ended.as_deref().and_then(hash32))
}

/// Takes back what a user approved and no device has collected yet; the device codes' hashes.
pub async fn take_back(db: impl PgExecutor<'_>, user: UserId, now: DateTime<Utc>) -> Result<Vec<SecretHash>> {
    let denied = sqlx::query_scalar!(
        "UPDATE device_sessions SET state = 'denied', decided_at = $2
         WHERE decided_by_user_id = $1 AND state = 'approved'
         RETURNING device_code_hash",
        user.0,
        now
    )
    .fetch_all(db)
    .await?;
    Ok(denied.iter().filter_map(|hash| hash32(hash)).collect())
}
