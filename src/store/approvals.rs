//! What is known when somebody is about to approve: one reading over several tables, each by an index.

use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;

use super::Result;
use super::device_authorizations::sources::ends;
use crate::model::ids::{ClientId, TenantId, UserId};
use crate::model::key_thumbprint::KeyThumbprint;

#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub tenant: TenantId,
    pub user: UserId,
    pub client: &'a ClientId,
    /// The key that its device proved.
    pub dpop_key: Option<KeyThumbprint>,
    pub source: Option<IpNet>,
    pub window: TimeDelta,
    pub now: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub struct Known {
    /// When one of the person's devices was connected with the key, if one was and nobody has rejected it since.
    pub key_connected_at: Option<DateTime<Utc>>,
    pub key_device_name: Option<String>,
    /// Whether the person has a living device of the client.
    pub has_device_of_client: bool,
    /// How many codes of the client wait that came from the source.
    pub codes_of_source: i64,
    /// How many other accounts had to do with the source for the first time lately.
    pub accounts_of_source: i64,
    pub frozen: bool,
}

/// Answers it. A key whose last device was removed by its owner, or whose tokens were stolen, is not known any more.
pub async fn known(db: impl PgExecutor<'_>, question: &Question<'_>) -> Result<Known> {
    let addresses = question.source.map(ends);
    let (first, last) = addresses.unzip();
    let key = question.dpop_key.map(|key| key.0.to_vec());
    Ok(sqlx::query_as!(
        Known,
        r#"SELECT device.created_at AS "key_connected_at?", device.name AS key_device_name,
                  -- The client is compared without `=`, so that no index of it is taken to hold next to nothing.
                  EXISTS (SELECT FROM devices d
                          WHERE d.tenant_id = $1 AND d.user_id = $2 AND d.client_id IS NOT DISTINCT FROM $3
                            AND d.revoked_at IS NULL AND d.expires_at > $8) AS "has_device_of_client!",
                  (SELECT count(*) FROM device_authorizations s
                   WHERE s.tenant_id = $1 AND s.client_id = $3 AND s.ip_address BETWEEN $5::inet AND $6::inet
                     AND s.state = 'pending' AND s.expires_at > $8) AS "codes_of_source!",
                  (SELECT count(*) FROM source_accounts a
                   WHERE a.tenant_id = $1 AND a.source = $7::inet AND a.user_id <> $2 AND a.first_seen_at > $9)
                      AS "accounts_of_source!",
                  EXISTS (SELECT FROM frozen_sources z
                          WHERE z.tenant_id = $1 AND z.source >>= $7::inet AND z.released_at IS NULL
                            AND z.frozen_until > $8) AS "frozen!"
           FROM (SELECT 1) AS one
           LEFT JOIN LATERAL (
               SELECT coalesce(d.name, d.hostname) AS name, d.created_at, d.revoked_reason
               FROM devices d
               WHERE d.tenant_id = $1 AND d.user_id = $2 AND d.dpop_jkt = $4
               ORDER BY d.created_at DESC LIMIT 1
           ) AS device ON coalesce(device.revoked_reason, 'revoked_by_client')
                          IN ('revoked_by_client', 'signed_out_everywhere')"#,
        question.tenant.0,
        question.user.0,
        question.client.as_str(),
        key as Option<Vec<u8>>,
        first as Option<IpNet>,
        last as Option<IpNet>,
        question.source as Option<IpNet>,
        question.now,
        question.now - question.window
    )
    .fetch_one(db)
    .await?)
}
