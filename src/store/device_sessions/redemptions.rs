//! A device collects its tokens (RFC 8628 §3.5): the one moment that must happen exactly once.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::model::audit_event::{Action, Outcome};
use crate::model::device_session::DeviceSession;
use crate::model::ids::{DeviceId, TokenFamilyId};
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::store::Result;
use crate::store::refresh_tokens::NewRefreshToken;

/// What a redemption brings into being.
#[derive(Debug)]
pub struct Redemption<'a> {
    /// The new device.
    pub device_id: DeviceId,
    /// The new family.
    pub family_id: TokenFamilyId,
    /// What its tokens may do.
    pub scopes: &'a ScopeSet,
    /// The family's absolute end.
    pub expires_at: DateTime<Utc>,
    /// Its first refresh token, when it has one.
    pub refresh_token: Option<&'a NewRefreshToken>,
    /// The audit event's identifier.
    pub audit_id: Uuid,
    /// From where the device collects.
    pub origin: &'a RequestOrigin,
}

/// Consumes an approved session and stores what comes of it, in one statement: the device, its token family,
/// its refresh token, and the audit event. Whether the session was still there to be redeemed, by a user,
/// client and tenant that still may; `false` changes nothing.
pub async fn redeem(
    db: impl PgExecutor<'_>,
    session: &DeviceSession,
    redemption: &Redemption<'_>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let redeemed = sqlx::query_scalar!(
        r#"WITH consumed AS (
               UPDATE device_sessions s SET state = 'consumed', consumed_at = $2
               WHERE s.id = $1 AND s.state = 'approved' AND s.consumed_at IS NULL
                 AND EXISTS (SELECT FROM users u WHERE u.id = s.decided_by_user_id AND u.enabled AND u.locked_at IS NULL)
                 AND EXISTS (SELECT FROM clients c
                             WHERE c.tenant_id = s.tenant_id AND c.client_id = s.client_id AND c.enabled)
                 AND EXISTS (SELECT FROM tenants t WHERE t.id = s.tenant_id AND t.enabled)
               RETURNING s.*
           ), device AS (
               INSERT INTO devices (id, tenant_id, user_id, client_id, device_session_id, name, os, hostname,
                                    client_version, metadata, ip_address, created_at, updated_at, last_login_at,
                                    last_seen_at, expires_at)
               SELECT $3, tenant_id, decided_by_user_id, client_id, id, device ->> 'name', device ->> 'os',
                      device ->> 'hostname', device ->> 'client_version', coalesce(device -> 'metadata', '{}'),
                      ip_address, $2, $2, $2, $2, $6
               FROM consumed
           ), family AS (
               INSERT INTO token_families (id, tenant_id, device_session_id, device_id, user_id, client_id,
                                           granted_scopes, auth_time, amr, created_at, expires_at)
               SELECT $4, tenant_id, id, $3, decided_by_user_id, client_id, $5, auth_time, amr, $2, $6 FROM consumed
           ), refresh_token AS (
               INSERT INTO refresh_tokens (id, tenant_id, family_id, token_hash, created_at, expires_at)
               SELECT $7, tenant_id, $4, $8, $2, $9 FROM consumed WHERE $7::uuid IS NOT NULL
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id, target_kind,
                                         target_id, ip_address, request_id, details)
               SELECT $10, tenant_id, $2, $11, $12, 'client', client_id, 'device_session', id::text, $13, $14,
                      jsonb_build_object('device_id', $3::uuid, 'token_family_id', $4::uuid,
                                         'user_id', decided_by_user_id, 'scopes', $5::text[])
               FROM consumed
           )
           SELECT count(*) = 1 AS "redeemed!" FROM consumed"#,
        session.id.0,
        now,
        redemption.device_id.0,
        redemption.family_id.0,
        &redemption.scopes.to_vec(),
        redemption.expires_at,
        redemption.refresh_token.map(|token| token.id.0),
        redemption.refresh_token.map(|token| token.hash.0.to_vec()),
        redemption.refresh_token.map(|token| token.expires_at),
        redemption.audit_id,
        Action::DeviceSessionRedeemed.as_str(),
        Outcome::Success.as_str(),
        redemption.origin.ip_network(),
        redemption.origin.request_id.0
    )
    .fetch_one(db)
    .await?;
    Ok(redeemed)
}
