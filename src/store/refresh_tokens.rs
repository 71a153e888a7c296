//! Refresh tokens, in `devices`: one row has the newest generation of a device's token. What arrives together is looked
//! up and exchanged together.

pub mod exchanges;
pub mod repeats;
pub mod unanswered;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::batches::{BatchQueue, OfTenant, in_order};
use super::inconsistent::RowOf;
use super::users::UserRow;
use super::{Result, host};
use crate::model::bearer_secret::SecretHash;
use crate::model::device_authorization::Authentication;
use crate::model::ids::{ClientId, DeviceId, TenantId, UserId};
use crate::model::refresh_rule::Stored;
use crate::model::token_family::{HeldToken, TokenFamily, Trust};

/// A refresh token to look up, without its generation.
#[derive(Clone, Copy, Debug)]
pub struct TokenName {
    /// The tenant it was presented to.
    pub tenant: TenantId,
    pub device: DeviceId,
    /// The hash of its random bytes.
    pub hash: SecretHash,
}

impl OfTenant for TokenName {
    fn tenant(&self) -> TenantId {
        self.tenant
    }
}

/// Refresh tokens that wait to be looked up: each with its family, and whose it is.
pub type TokenQueue = BatchQueue<TokenName, Option<HeldToken>>;

/// A queue of refresh tokens to look up.
#[must_use]
pub fn queue() -> TokenQueue {
    BatchQueue::new(|db, tenant, names| Box::pin(find(db, tenant, names)))
}

/// Looks up refresh tokens of a tenant; each with its family, and whose it is.
pub async fn find(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    names: &[TokenName],
) -> Result<Vec<Option<HeldToken>>> {
    let devices: Vec<Uuid> = names.iter().map(|name| name.device.0).collect();
    let hashes: Vec<Vec<u8>> = names.iter().map(|name| name.hash.0.to_vec()).collect();
    let rows = sqlx::query_as!(
        HeldRow,
        r#"SELECT asked.nth AS "nth!", d.generation, d.exchanged_at, d.exchanged_from, d.unanswered, d.foreign_repeats,
                  d.foreign_repeats_since, coalesce(d.idle_expires_at, d.expires_at) AS "idle_expires_at!", d.locked_at, d.trusted, d.trusted_jkt,
                  d.id AS device_id, d.user_id, d.client_id, d.granted_scopes, d.auth_time, d.amr, d.dpop_jkt,
                  coalesce(d.resources, '{}') AS "resources!", d.created_at, d.expires_at, d.revoked_at,
                  u.username, u.display_name, u.email, u.email_verified, u.roles, u.enabled,
                  u.locked_at AS user_locked_at, u.tokens_not_before,
                  (SELECT c.enabled FROM clients c WHERE c.tenant_id = $1 AND c.client_id = d.client_id)
                  AND (SELECT t.enabled FROM tenants t WHERE t.id = $1) AS "client_enabled!"
           FROM unnest($2::uuid[], $3::bytea[]) WITH ORDINALITY AS asked (device, token_hash, nth)
           JOIN devices d ON d.id = asked.device AND d.tenant_id = $1 AND d.token_hash = asked.token_hash
           JOIN users u ON u.id = d.user_id AND u.tenant_id = $1"#,
        tenant.0,
        &devices,
        &hashes
    )
    .fetch_all(db)
    .await?;
    in_order(rows, names.len(), |row| (row.nth, row.into_held(tenant)))
        .into_iter()
        .map(Option::transpose)
        .collect()
}

/// The columns of a [`HeldToken`], and which request they answer, counted from one.
#[expect(clippy::struct_excessive_bools, reason = "columns of three tables")]
struct HeldRow {
    nth: i64,
    generation: i64,
    exchanged_at: DateTime<Utc>,
    exchanged_from: Option<IpNet>,
    unanswered: bool,
    foreign_repeats: i16,
    foreign_repeats_since: Option<DateTime<Utc>>,
    idle_expires_at: DateTime<Utc>,
    locked_at: Option<DateTime<Utc>>,
    trusted: bool,
    trusted_jkt: Option<Vec<u8>>,
    device_id: Uuid,
    user_id: Uuid,
    client_id: String,
    granted_scopes: Vec<String>,
    auth_time: DateTime<Utc>,
    amr: Vec<String>,
    dpop_jkt: Option<Vec<u8>>,
    resources: Vec<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    email_verified: bool,
    roles: Vec<String>,
    enabled: bool,
    user_locked_at: Option<DateTime<Utc>>,
    tokens_not_before: Option<DateTime<Utc>>,
    client_enabled: bool,
}

impl HeldRow {
    fn into_held(self, tenant: TenantId) -> Result<HeldToken> {
        let row = RowOf::new("devices", self.device_id);
        let trusted_key = row.thumbprint("trusted_jkt", self.trusted_jkt)?;
        Ok(HeldToken {
            stored: Stored {
                generation: self.generation,
                exchanged_at: self.exchanged_at,
                unanswered: self.unanswered,
                foreign_repeats: self.foreign_repeats,
                foreign_repeats_since: self.foreign_repeats_since,
            },
            exchanged_from: host(self.exchanged_from),
            idle_expires_at: self.idle_expires_at,
            device_locked: self.locked_at.is_some(),
            trust: self.trusted.then_some(Trust { key: trusted_key }),
            user: UserRow {
                id: self.user_id,
                username: self.username,
                display_name: self.display_name,
                email: self.email,
                email_verified: self.email_verified,
                roles: self.roles,
                enabled: self.enabled,
                locked_at: self.user_locked_at,
                tokens_not_before: self.tokens_not_before,
            }
            .into_user(tenant)?,
            client_enabled: self.client_enabled,
            family: TokenFamily {
                device_id: DeviceId(self.device_id),
                tenant_id: tenant,
                user_id: UserId(self.user_id),
                client_id: ClientId::from_known(self.client_id),
                scopes: self.granted_scopes.into_iter().collect(),
                authentication: Authentication { auth_time: self.auth_time, amr: self.amr },
                dpop_key: row.thumbprint("dpop_jkt", self.dpop_jkt)?,
                resources: self.resources,
                created_at: self.created_at,
                expires_at: self.expires_at,
                revoked_at: self.revoked_at,
            },
        })
    }
}
