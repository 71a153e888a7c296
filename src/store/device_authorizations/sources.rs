//! The codes of one source: they die together when it turns out to be phishing.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;

use crate::model::device_authorization::DeviceRequest;
use crate::model::ids::{ApproverId, DeviceAuthorizationId, TenantId, UserId};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::store::Result;
use crate::store::inconsistent::RowOf;

/// Ends a session that this approver has open, or has approved, and that no device has redeemed. Returns
/// `true` if there was anything to end.
pub async fn disown(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    opened_by: ApproverId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let ended = sqlx::query!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $4
         WHERE tenant_id = $1 AND id = $2 AND opened_by = $3 AND state IN ('pending', 'confirming', 'approved')",
        tenant.0,
        id.0,
        opened_by.0,
        now
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// A code that waits beside another one.
#[derive(Clone, Debug)]
pub struct Neighbor {
    pub id: DeviceAuthorizationId,
    /// The key that its device proved.
    pub dpop_key: Option<KeyThumbprint>,
    /// The program that its device said it was.
    pub user_agent: Option<String>,
    /// Whether a link brought it to the account in question.
    pub is_linked: bool,
}

/// The other codes of a request's client and network that wait, and that prove the same key or that a link has brought
/// to this account; `limit` at most. Those that somebody decides on at this very moment are passed over.
pub async fn waiting_like(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    request: &DeviceRequest,
    network: IpNet,
    user: UserId,
    limit: i64,
) -> Result<Vec<Neighbor>> {
    let (first, last) = ends(network);
    let key = request.session.dpop_key.map(|key| key.0.to_vec());
    let rows = sqlx::query!(
        r#"SELECT id, dpop_jkt, user_agent, coalesce(linked_by @> ARRAY[$7::uuid], false) AS "is_linked!"
           FROM device_authorizations
           WHERE tenant_id = $1 AND client_id = $2 AND ip_address BETWEEN $3 AND $4 AND state = 'pending'
             AND id <> $5 AND (dpop_jkt = $6 OR linked_by @> ARRAY[$7])
           ORDER BY id LIMIT $8 FOR NO KEY UPDATE SKIP LOCKED"#,
        tenant.0,
        request.session.client_id.as_str(),
        first,
        last,
        request.session.id.0,
        key,
        user.0,
        limit
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Neighbor {
                id: DeviceAuthorizationId(row.id),
                dpop_key: RowOf::new("device_authorizations", row.id).thumbprint("dpop_jkt", row.dpop_jkt)?,
                user_agent: row.user_agent,
                is_linked: row.is_linked,
            })
        })
        .collect()
}

/// Ends codes that wait; their IDs.
pub async fn kill(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    ids: &[DeviceAuthorizationId],
    now: DateTime<Utc>,
) -> Result<Vec<DeviceAuthorizationId>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let killed = sqlx::query_scalar!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $3
         WHERE tenant_id = $1 AND id = ANY($2) AND state = 'pending'
         RETURNING id",
        tenant.0,
        &ids,
        now
    )
    .fetch_all(db)
    .await?;
    Ok(killed.into_iter().map(DeviceAuthorizationId).collect())
}

/// Ends a batch of the codes that wait and came from this network. Those that somebody decides on at this very moment are passed over. Their IDs; at most `limit`.
pub async fn kill_waiting(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    network: IpNet,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<DeviceAuthorizationId>> {
    let (first, last) = ends(network);
    let killed = sqlx::query_scalar!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $4
         WHERE tenant_id = $1 AND id IN (
             SELECT id FROM device_authorizations
             WHERE tenant_id = $1 AND ip_address BETWEEN $2 AND $3 AND state = 'pending'
               AND client_id = ANY(ARRAY(SELECT client_id FROM clients WHERE tenant_id = $1))
             ORDER BY id LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED)
         RETURNING id",
        tenant.0,
        first,
        last,
        now,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(killed.into_iter().map(DeviceAuthorizationId).collect())
}

/// Takes back what was approved for codes from this network since then, and no device has collected; their
/// IDs.
pub async fn take_back_approved(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    network: IpNet,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<DeviceAuthorizationId>> {
    let (first, last) = ends(network);
    let ended = sqlx::query_scalar!(
        "UPDATE device_authorizations SET state = 'denied', decided_at = $5
         WHERE tenant_id = $1 AND ip_address BETWEEN $2 AND $3 AND created_at >= $4
           AND state IN ('confirming', 'approved') AND decided_by_user_id IS NOT NULL
         RETURNING id",
        tenant.0,
        first,
        last,
        since,
        now
    )
    .fetch_all(db)
    .await?;
    Ok(ended.into_iter().map(DeviceAuthorizationId).collect())
}

/// The first and the last address of a network, as the database stores addresses: so that an index over addresses
/// finds all of them.
pub(in crate::store) fn ends(network: IpNet) -> (IpNet, IpNet) {
    let host = |address: IpAddr| IpNet::from(address);
    (host(network.network()), host(network.broadcast()))
}
