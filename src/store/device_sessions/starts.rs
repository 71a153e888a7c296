//! A device asks (RFC 8628 §3.1).

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use sqlx::types::Json;

use crate::model::bearer_secret::SecretHash;
use crate::model::device::DeviceDescription;
use crate::model::ids::{ClientId, DeviceSessionId, TenantId};
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::store::{Result, StoreError};

/// A session about to be stored.
#[derive(Debug)]
pub struct NewDeviceSession<'a> {
    /// Its identifier.
    pub id: DeviceSessionId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The client that asks.
    pub client_id: &'a ClientId,
    /// The device code's hash.
    pub device_code_hash: SecretHash,
    /// The user code's MAC.
    pub user_code_mac: [u8; 32],
    /// The user code, sealed.
    pub user_code_sealed: Vec<u8>,
    /// The scopes asked for.
    pub requested_scopes: Option<&'a ScopeSet>,
    /// What the device says about itself.
    pub device: &'a DeviceDescription,
    /// From where it asks.
    pub origin: &'a RequestOrigin,
    /// When it asks.
    pub created_at: DateTime<Utc>,
    /// When both codes die.
    pub expires_at: DateTime<Utc>,
    /// Seconds between polls.
    pub interval_seconds: u32,
}

/// Whether a session was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It was.
    Yes,
    /// Another session has the same user code; try another one.
    UserCodeTaken,
}

/// Stores a new session.
pub async fn insert(db: impl PgExecutor<'_>, session: &NewDeviceSession<'_>) -> Result<Stored> {
    let requested_scopes = session.requested_scopes.map(ScopeSet::to_vec);
    let inserted = sqlx::query!(
        "INSERT INTO device_sessions (id, tenant_id, client_id, device_code_hash, user_code_mac, user_code_sealed,
                                      requested_scopes, device, ip_address, user_agent, created_at, expires_at,
                                      interval_seconds)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        session.id.0,
        session.tenant_id.0,
        session.client_id.as_str(),
        &session.device_code_hash.0[..],
        &session.user_code_mac[..],
        session.user_code_sealed,
        requested_scopes.as_deref(),
        Json(session.device) as _,
        session.origin.ip_network(),
        session.origin.user_agent,
        session.created_at,
        session.expires_at,
        i32::try_from(session.interval_seconds).unwrap_or(i32::MAX)
    )
    .execute(db)
    .await
    .map_err(StoreError::from);
    match inserted {
        Ok(_) => Ok(Stored::Yes),
        Err(error) if error.violates("device_sessions_user_code_key") => Ok(Stored::UserCodeTaken),
        Err(error) => Err(error),
    }
}

/// How many codes of the tenant wait for a decision, counted up to `cap`.
pub async fn count_pending(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    cap: u64,
    now: DateTime<Utc>,
) -> Result<u64> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (
               SELECT 1 FROM device_sessions
               WHERE tenant_id = $1 AND state = 'pending' AND expires_at > $2 LIMIT $3
           ) AS pending"#,
        tenant.0,
        now,
        i64::try_from(cap).unwrap_or(i64::MAX)
    )
    .fetch_one(db)
    .await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// How many codes of this client wait for a decision that were asked for from this address.
pub async fn count_pending_from(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    client: &ClientId,
    origin: &RequestOrigin,
    now: DateTime<Utc>,
) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM device_sessions
           WHERE tenant_id = $1 AND client_id = $2 AND ip_address = $3 AND state = 'pending' AND expires_at > $4"#,
        tenant.0,
        client.as_str(),
        origin.ip_network(),
        now
    )
    .fetch_one(db)
    .await?)
}
