//! Whether a token still counts, by all that it depends on: tenant, signing key, client, user and device,
//! each found by its key, in one statement. Nothing that a server remembers is asked, so that what was committed
//! anywhere is obeyed here by the next request.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use super::inconsistent::RowOf;
use super::refresh_tokens::TokenName;
use super::users::UserRow;
use crate::model::device_authorization::Authentication;
use crate::model::ids::{ClientId, DeviceId, TenantId, UserId};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::refresh_rule::MOST_LOST_GENERATIONS;
use crate::model::scope::ScopeSet;
use crate::model::user::User;

// The statements say themselves which devices live: with `living_devices` they would read tenant, user and client twice,
// for other columns of the same rows, on every use of a token.

/// Whose token it is, if an access token of this device that was signed with this key still counts.
pub async fn of_device(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    kid: &str,
    device: DeviceId,
    now: DateTime<Utc>,
) -> Result<Option<User>> {
    let row = sqlx::query_as!(
        UserRow,
        "SELECT u.id, u.username, u.display_name, u.email, u.email_verified, u.roles, u.enabled, u.locked_at,
                u.tokens_not_before
         FROM devices d
         JOIN tenants t ON t.id = d.tenant_id AND t.enabled
         JOIN signing_keys k ON k.tenant_id = d.tenant_id AND k.kid = $2 AND k.state <> 'removed'
         JOIN users u ON u.id = d.user_id AND u.tenant_id = d.tenant_id AND u.enabled AND u.locked_at IS NULL
         JOIN clients c ON c.tenant_id = d.tenant_id AND c.client_id = d.client_id AND c.enabled
         WHERE d.id = $3 AND d.tenant_id = $1 AND d.revoked_at IS NULL AND d.expires_at > $4 AND d.locked_at IS NULL
           AND d.created_at >= coalesce(
                   greatest(t.tokens_not_before, u.tokens_not_before, c.tokens_not_before), d.created_at)",
        tenant.0,
        kid,
        device.0,
        now
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| row.into_user(tenant)).transpose()
}

/// Whether an access token of a client that acts for itself (RFC 6749 §4.4), signed with this key, still counts.
pub async fn of_client(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    kid: &str,
    client_id: &str,
    jti: &str,
    issued_at: DateTime<Utc>,
) -> Result<bool> {
    let counts = sqlx::query_scalar!(
        r#"SELECT true AS "counts!"
           FROM clients c
           JOIN tenants t ON t.id = c.tenant_id AND t.enabled
           JOIN signing_keys k ON k.tenant_id = c.tenant_id AND k.kid = $2 AND k.state <> 'removed'
           WHERE c.tenant_id = $1 AND c.client_id = $3 AND c.enabled
             AND $5 >= coalesce(greatest(t.tokens_not_before, c.tokens_not_before), $5)
             AND NOT EXISTS (SELECT FROM revoked_access_tokens r WHERE r.tenant_id = $1 AND r.jti = $4)"#,
        tenant.0,
        kid,
        client_id,
        jti,
        issued_at
    )
    .fetch_optional(db)
    .await?;
    Ok(counts.is_some())
}

/// A refresh token that could be exchanged now.
#[derive(Debug)]
pub struct LiveRefreshToken {
    /// The device it was issued to.
    pub device_id: DeviceId,
    pub user_id: UserId,
    /// What that person types to sign in.
    pub username: String,
    /// The client it was issued to.
    pub client_id: ClientId,
    pub scopes: ScopeSet,
    /// How the person had proved who they are.
    pub authentication: Authentication,
    /// The key that it is bound to.
    pub key: Option<KeyThumbprint>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// The refresh token of this generation, if it is the newest of its device and could be exchanged now.
pub async fn of_refresh_token(
    db: impl PgExecutor<'_>,
    token: TokenName,
    generation: i64,
    now: DateTime<Utc>,
) -> Result<Option<LiveRefreshToken>> {
    let row = sqlx::query!(
        r#"SELECT d.exchanged_at, d.idle_expires_at AS "idle_expires_at!", d.user_id, d.client_id, d.granted_scopes,
                  d.auth_time, d.amr, d.dpop_jkt, u.username
           FROM devices d
           JOIN tenants t ON t.id = d.tenant_id AND t.enabled
           JOIN users u ON u.id = d.user_id AND u.tenant_id = d.tenant_id AND u.enabled AND u.locked_at IS NULL
           JOIN clients c ON c.tenant_id = d.tenant_id AND c.client_id = d.client_id AND c.enabled
                             AND 'refresh_token' = ANY (c.grant_types)
           WHERE d.id = $2 AND d.tenant_id = $1 AND d.token_hash = $3
             -- One that is ahead of the row can be exchanged, too: the database was restored.
             AND $4 BETWEEN d.generation AND d.generation + $6
             AND d.idle_expires_at > $5 AND d.expires_at > $5 AND d.revoked_at IS NULL AND d.locked_at IS NULL
             AND d.created_at >= coalesce(
                     greatest(t.tokens_not_before, u.tokens_not_before, c.tokens_not_before), d.created_at)"#,
        token.tenant.0,
        token.device.0,
        &token.hash.0[..],
        generation,
        now,
        MOST_LOST_GENERATIONS
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(LiveRefreshToken {
            device_id: token.device,
            user_id: UserId(row.user_id),
            username: row.username,
            client_id: ClientId::from_known(row.client_id),
            scopes: row.granted_scopes.into_iter().collect(),
            authentication: Authentication { auth_time: row.auth_time, amr: row.amr },
            key: RowOf::new("devices", token.device.0).thumbprint("dpop_jkt", row.dpop_jkt)?,
            created_at: row.exchanged_at,
            expires_at: row.idle_expires_at,
        })
    })
    .transpose()
}
