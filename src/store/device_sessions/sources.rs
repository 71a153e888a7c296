//! The codes of one source: they die together when it turns out to be phishing.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;

use crate::model::bearer_secret::SecretHash;
use crate::model::ids::{ApproverId, ClientId, DeviceSessionId, TenantId};
use crate::store::{Result, hash32};

/// Ends a session that this approver has open, or has approved, and that no device has redeemed; its device code's
/// hash if there was anything to end.
pub async fn disown(
    db: impl PgExecutor<'_>,
    id: DeviceSessionId,
    opened_by: ApproverId,
    now: DateTime<Utc>,
) -> Result<Option<SecretHash>> {
    let ended = sqlx::query_scalar!(
        "UPDATE device_sessions SET state = 'denied', decided_at = $3
         WHERE id = $1 AND opened_by = $2 AND state IN ('pending', 'confirming', 'approved')
         RETURNING device_code_hash",
        id.0,
        opened_by.0,
        now
    )
    .fetch_optional(db)
    .await?;
    Ok(ended.as_deref().and_then(hash32))
}

/// Ends a batch of the codes that wait and came from this network: of one client, or of all. Those that somebody
/// decides on at this very moment are passed over. The device codes' hashes; at most `limit`.
pub async fn kill_waiting(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    client: Option<&ClientId>,
    network: IpNet,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<SecretHash>> {
    let (first, last) = ends(network);
    let clients = client.map(|client| vec![client.to_string()]);
    let killed = sqlx::query_scalar!(
        "UPDATE device_sessions SET state = 'denied', decided_at = $5
         WHERE id IN (
             SELECT id FROM device_sessions
             WHERE tenant_id = $1 AND ip_address BETWEEN $3 AND $4 AND state = 'pending'
               AND client_id = ANY(coalesce($2, ARRAY(SELECT client_id FROM clients WHERE tenant_id = $1)))
             ORDER BY id LIMIT $6 FOR NO KEY UPDATE SKIP LOCKED)
         RETURNING device_code_hash",
        tenant.0,
        clients as Option<Vec<String>>,
        first,
        last,
        now,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(killed.iter().filter_map(|hash| hash32(hash)).collect())
}

/// Takes back what was approved for codes from this network since then, and no device has collected; the device
/// codes' hashes.
pub async fn take_back_approved(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    network: IpNet,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<SecretHash>> {
    let (first, last) = ends(network);
    let ended = sqlx::query_scalar!(
        "UPDATE device_sessions SET state = 'denied', decided_at = $5
         WHERE tenant_id = $1 AND ip_address BETWEEN $2 AND $3 AND created_at >= $4
           AND state IN ('confirming', 'approved')
         RETURNING device_code_hash",
        tenant.0,
        first,
        last,
        since,
        now
    )
    .fetch_all(db)
    .await?;
    Ok(ended.iter().filter_map(|hash| hash32(hash)).collect())
}

/// The first and the last address of a network, as the database stores addresses: so that an index over addresses
/// finds all of them.
pub(in crate::store) fn ends(network: IpNet) -> (IpNet, IpNet) {
    let host = |address: IpAddr| IpNet::from(address);
    (host(network.network()), host(network.broadcast()))
}
