//! A device asks (RFC 8628 §3.1). Starts that arrive together are stored together.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::stored_half;
use crate::model::bearer_secret::SecretHash;
use crate::model::client::Client;
use crate::model::device::DeviceDescription;
use crate::model::ids::{ClientId, DeviceAuthorizationId, TenantId};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::place::Place;
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::store::Result;
use crate::store::batches::{BatchQueue, OfTenant};
use crate::store::sending::Sending;

/// A session about to be stored.
#[derive(Clone, Debug)]
pub struct NewDeviceAuthorization {
    pub id: DeviceAuthorizationId,
    /// The client that asks, and its tenant.
    pub client: Arc<Client>,
    pub device_code_hash: SecretHash,
    pub user_code_mac: [u8; 32],
    /// The user code, sealed.
    pub user_code_sealed: Vec<u8>,
    pub requested_scopes: Option<ScopeSet>,
    /// The URIs of the services asked for.
    pub resources: Vec<String>,
    /// What the ID token is to repeat (OpenID Connect Core §2).
    pub nonce: Option<String>,
    /// The key that the device proved to hold.
    pub dpop_key: Option<KeyThumbprint>,
    /// What the device says about itself.
    pub device: Arc<DeviceDescription>,
    pub ip_address: IpAddr,
    /// Where that is, as far as it is known.
    pub place: Option<Place>,
    pub user_agent: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub interval_seconds: u32,
    pub sending: Sending,
}

impl OfTenant for NewDeviceAuthorization {
    fn tenant(&self) -> TenantId {
        self.client.tenant_id
    }

    // Its times are those of its device code, which is made before.
    fn is_sent(&mut self, now: DateTime<Utc>) -> bool {
        self.sending.send(now)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    Yes,
    /// Another session has the same user code, or had it lately; try another one.
    UserCodeTaken,
}

/// Sessions that wait to be stored.
pub type StartQueue = BatchQueue<NewDeviceAuthorization, Stored>;

#[must_use]
pub fn queue() -> StartQueue {
    BatchQueue::new(|db, tenant, sessions| Box::pin(store(db, tenant, sessions)))
}

/// Stores sessions; for each, whether its user code was free.
async fn store(
    db: &mut PgConnection,
    tenant: TenantId,
    sessions: &[NewDeviceAuthorization],
) -> Result<Vec<Stored>> {
    let stored = match insert(db, tenant, sessions).await {
        // At this very moment. Of many sessions, each is stored for itself then.
        Err(error) if sessions.len() == 1 && error.violates("device_authorizations_user_code_key") => {
            HashSet::new()
        }
        stored => stored?,
    };
    let outcome = |session: &NewDeviceAuthorization| {
        if stored.contains(&session.id.0) { Stored::Yes } else { Stored::UserCodeTaken }
    };
    Ok(sessions.iter().map(outcome).collect())
}

/// The identifiers of the sessions whose user codes were free, which are stored now.
async fn insert(
    db: &mut PgConnection,
    tenant: TenantId,
    sessions: &[NewDeviceAuthorization],
) -> Result<HashSet<Uuid>> {
    let column = |pick: fn(&NewDeviceAuthorization) -> Vec<u8>| sessions.iter().map(pick).collect::<Vec<_>>();
    let ids: Vec<Uuid> = sessions.iter().map(|session| session.id.0).collect();
    let clients: Vec<String> = sessions.iter().map(|session| session.client.client_id.to_string()).collect();
    // An array of arrays cannot be taken apart by unnest; neither a scope nor a URI holds a space.
    let scopes: Vec<Option<String>> =
        sessions.iter().map(|session| session.requested_scopes.as_ref().map(ToString::to_string)).collect();
    let resources: Vec<Option<String>> = sessions
        .iter()
        .map(|session| (!session.resources.is_empty()).then(|| session.resources.join(" ")))
        .collect();
    let nonces: Vec<Option<String>> = sessions.iter().map(|session| session.nonce.clone()).collect();
    let dpop_keys: Vec<Option<Vec<u8>>> =
        sessions.iter().map(|session| session.dpop_key.map(|key| key.0.to_vec())).collect();
    let devices: Vec<Json<&DeviceDescription>> =
        sessions.iter().map(|session| Json(&*session.device)).collect();
    let addresses: Vec<IpNet> = sessions.iter().map(|session| IpNet::from(session.ip_address)).collect();
    let places: Vec<Option<Json<&Place>>> =
        sessions.iter().map(|session| session.place.as_ref().map(Json)).collect();
    let user_agents: Vec<Option<String>> =
        sessions.iter().map(|session| session.user_agent.clone()).collect();
    let created: Vec<DateTime<Utc>> = sessions.iter().map(|session| session.created_at).collect();
    let expiring: Vec<DateTime<Utc>> = sessions.iter().map(|session| session.expires_at).collect();
    let intervals: Vec<i32> =
        sessions.iter().map(|session| i32::try_from(session.interval_seconds).unwrap_or(i32::MAX)).collect();
    let stored = sqlx::query_scalar!(
        "INSERT INTO device_authorizations (id, tenant_id, client_id, device_code_hash, user_code_mac, user_code_sealed,
                                      requested_scopes, device, ip_address, user_agent, created_at, expires_at,
                                      interval_seconds, resources, dpop_jkt, place, nonce)
         -- The tenant is its client's, so that a database that distributes rows by tenant stores them in one place.
         SELECT new.id, c.tenant_id, c.client_id, code, mac, sealed, string_to_array(new.scopes, ' '), device, address, agent,
                created, expires, seconds, string_to_array(resources, ' '), jkt, place, nonce
         FROM unnest($1::uuid[], $3::text[], $4::bytea[], $5::bytea[], $6::bytea[], $7::text[],
                     $8::jsonb[], $9::inet[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::int[],
                     $14::text[], $15::bytea[], $16::jsonb[], $17::text[])
              AS new (id, client_id, code, mac, sealed, scopes, device, address, agent, created, expires,
                      seconds, resources, jkt, place, nonce)
         JOIN clients c ON c.tenant_id = $2 AND c.client_id = new.client_id
         -- Each is looked up by its key, whatever the statistics say. An insert that expects conflicts writes each row twice.
         WHERE (SELECT true FROM spent_user_codes spent
                WHERE spent.tenant_id = $2 AND spent.user_code_mac = new.mac AND spent.free_at > new.created
                LIMIT 1) IS NULL
           AND (SELECT true FROM device_authorizations taken
                WHERE taken.tenant_id = $2 AND taken.user_code_mac = new.mac LIMIT 1) IS NULL
         RETURNING id",
        &ids,
        tenant.0,
        &clients,
        &column(|session| session.device_code_hash.0.to_vec()),
        &column(|session| stored_half(&session.user_code_mac).to_vec()),
        &column(|session| session.user_code_sealed.clone()),
        &scopes as &[Option<String>],
        &devices as _,
        &addresses,
        &user_agents as &[Option<String>],
        &created,
        &expiring,
        &intervals,
        &resources as &[Option<String>],
        &dpop_keys as &[Option<Vec<u8>>],
        &places as _,
        &nonces as &[Option<String>]
    )
    .fetch_all(db)
    .await?;
    Ok(stored.into_iter().collect())
}

/// Deletes authorizations of one tenant that nobody was told of, as far as they are stored. Returns their identifiers.
pub async fn discard(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    sessions: &[DeviceAuthorizationId],
) -> Result<Vec<DeviceAuthorizationId>> {
    let ids: Vec<Uuid> = sessions.iter().map(|id| id.0).collect();
    let discarded = sqlx::query_scalar!(
        "DELETE FROM device_authorizations WHERE tenant_id = $1 AND id = ANY ($2) AND state = 'pending' RETURNING id",
        tenant.0,
        &ids
    )
    .fetch_all(db)
    .await?;
    Ok(discarded.into_iter().map(DeviceAuthorizationId).collect())
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
               SELECT 1 FROM device_authorizations
               -- The index of sources needs a client: see there.
               WHERE tenant_id = $1 AND client_id IS NOT NULL AND state = 'pending' AND expires_at > $2 LIMIT $3
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
        r#"SELECT count(*) AS "count!" FROM device_authorizations
           WHERE tenant_id = $1 AND client_id = $2 AND ip_address = $3 AND state = 'pending' AND expires_at > $4"#,
        tenant.0,
        client.as_str(),
        origin.ip_network(),
        now
    )
    .fetch_one(db)
    .await?)
}
