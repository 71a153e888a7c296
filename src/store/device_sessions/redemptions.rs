//! A device collects its tokens (RFC 8628 §3.5): the one moment that must happen exactly once. Redemptions that
//! arrive together are stored together.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::model::audit_event::{Action, Outcome};
use crate::model::ids::{DeviceId, DeviceSessionId, TokenFamilyId, UserId};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::request_origin::RequestOrigin;
use crate::model::scope::ScopeSet;
use crate::model::token_family::RevocationReason;
use crate::store::Result;
use crate::store::batches::BatchQueue;
use crate::store::refresh_tokens::NewRefreshToken;

/// What a redemption brings into being.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// The session.
    pub session_id: DeviceSessionId,
    /// Who approved it.
    pub user_id: UserId,
    /// The new device.
    pub device_id: DeviceId,
    /// The new family.
    pub family_id: TokenFamilyId,
    /// What its tokens may do.
    pub scopes: ScopeSet,
    /// The key that its refresh tokens are bound to.
    pub dpop_key: Option<KeyThumbprint>,
    /// Whether the device is trusted.
    pub trusted: bool,
    /// The key it used, whatever its refresh tokens are bound to.
    pub used_key: Option<KeyThumbprint>,
    /// The family's absolute end.
    pub expires_at: DateTime<Utc>,
    /// Its first refresh token, when it has one.
    pub refresh_token: Option<NewRefreshToken>,
    /// The audit event's identifier.
    pub audit_id: Uuid,
    /// From where the device collects.
    pub origin: RequestOrigin,
    /// When.
    pub at: DateTime<Utc>,
}

/// Redemptions that wait to be stored. The outcome of each: whether the session was still there to be redeemed, by
/// a user, client and tenant that still may; `false` changes nothing.
pub type RedemptionQueue = BatchQueue<Redemption, bool>;

/// A queue of redemptions.
#[must_use]
pub fn queue() -> RedemptionQueue {
    BatchQueue::new(|db: &PgPool, redemptions| Box::pin(redeem(db, redemptions)))
}

/// Consumes approved sessions and stores what comes of each, in one statement: the device, its token family, its
/// refresh token, and the audit event.
///
/// The users are locked against change: whoever disables one either comes first, and nothing is redeemed, or comes
/// afterwards, and finds the new family to revoke.
pub async fn redeem(db: impl PgExecutor<'_>, redemptions: &[Redemption]) -> Result<Vec<bool>> {
    let ids = |pick: fn(&Redemption) -> Uuid| redemptions.iter().map(pick).collect::<Vec<_>>();
    let users = ids(|redemption| redemption.user_id.0);
    // An array of arrays cannot be taken apart by unnest; a scope holds no space.
    let scopes: Vec<String> = redemptions.iter().map(|redemption| redemption.scopes.to_string()).collect();
    let keys: Vec<Option<Vec<u8>>> =
        redemptions.iter().map(|redemption| redemption.dpop_key.map(|key| key.0.to_vec())).collect();
    let ends: Vec<DateTime<Utc>> = redemptions.iter().map(|redemption| redemption.expires_at).collect();
    let tokens = || redemptions.iter().map(|redemption| redemption.refresh_token.as_ref());
    let token_ids: Vec<Option<Uuid>> = tokens().map(|token| token.map(|token| token.id.0)).collect();
    let hashes: Vec<Option<Vec<u8>>> =
        tokens().map(|token| token.map(|token| token.hash.0.to_vec())).collect();
    let idle_ends: Vec<Option<DateTime<Utc>>> =
        tokens().map(|token| token.map(|token| token.expires_at)).collect();
    let trusted: Vec<bool> = redemptions.iter().map(|redemption| redemption.trusted).collect();
    let used_keys: Vec<Option<Vec<u8>>> =
        redemptions.iter().map(|redemption| redemption.used_key.map(|key| key.0.to_vec())).collect();
    let addresses: Vec<IpNet> = redemptions.iter().map(|redemption| redemption.origin.ip_network()).collect();
    let times: Vec<DateTime<Utc>> = redemptions.iter().map(|redemption| redemption.at).collect();
    let redeemed = sqlx::query_scalar!(
        r#"WITH asked AS MATERIALIZED (
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[],
                                    $7::timestamptz[], $8::uuid[], $9::bytea[], $10::timestamptz[], $11::uuid[],
                                    $12::inet[], $13::uuid[], $14::timestamptz[], $17::boolean[], $18::bytea[])
                    WITH ORDINALITY
                    AS asked (session_id, user_id, device_id, family_id, scopes, jkt, ends_at, token_id, token_hash,
                              idle_end, audit_id, collected_from, request_id, at, is_trusted, used_jkt, nth)
           ), active AS (
               SELECT u.id FROM users u
               WHERE u.id = ANY($2) AND u.enabled AND u.locked_at IS NULL
               ORDER BY u.id FOR SHARE
           ), consumed AS (
               UPDATE device_sessions s
               SET state = 'consumed', consumed_at = asked.at, dpop_jkt = coalesce(s.dpop_jkt, asked.jkt)
               FROM asked JOIN active ON active.id = asked.user_id
               -- Not `=`, which would lead the planner to all that the user has approved instead of to one id.
               WHERE s.id = asked.session_id AND s.decided_by_user_id IS NOT DISTINCT FROM asked.user_id
                 AND s.state = 'approved' AND s.consumed_at IS NULL
                 AND EXISTS (SELECT FROM clients c
                             WHERE c.tenant_id = s.tenant_id AND c.client_id = s.client_id AND c.enabled)
                 AND EXISTS (SELECT FROM tenants t WHERE t.id = s.tenant_id AND t.enabled)
               RETURNING asked.*, s.tenant_id, s.client_id, s.device, s.ip_address, s.place, s.auth_time, s.amr, s.resources,
                         s.chosen_name
           ), device AS (
               INSERT INTO devices (id, tenant_id, user_id, client_id, device_session_id, name, declared_name, os,
                                    hostname, client_version, metadata, ip_address, place, created_at, updated_at,
                                    last_login_at, last_seen_at, expires_at, trusted, trusted_jkt)
               SELECT device_id, tenant_id, user_id, client_id, session_id, coalesce(chosen_name, device ->> 'name'),
                      device ->> 'name', device ->> 'os', device ->> 'hostname', device ->> 'client_version',
                      coalesce(device -> 'metadata', '{}'), ip_address, place, at, at, at, at, ends_at, is_trusted,
                      CASE WHEN is_trusted THEN used_jkt END
               FROM consumed
           ), family AS (
               INSERT INTO token_families (id, tenant_id, device_session_id, device_id, user_id, client_id,
                                           granted_scopes, auth_time, amr, dpop_jkt, resources, created_at, expires_at)
               SELECT family_id, tenant_id, session_id, device_id, user_id, client_id, string_to_array(scopes, ' '),
                      auth_time, amr, jkt, resources, at, ends_at
               FROM consumed
           ), refresh_token AS (
               INSERT INTO refresh_tokens (id, tenant_id, family_id, token_hash, created_at, expires_at)
               SELECT token_id, tenant_id, family_id, token_hash, at, idle_end
               FROM consumed WHERE token_id IS NOT NULL
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id, target_kind,
                                         target_id, ip_address, request_id, details)
               SELECT audit_id, tenant_id, at, $15, $16, 'client', client_id, 'device_session', session_id::text,
                      collected_from, request_id,
                      jsonb_build_object('device_id', device_id, 'token_family_id', family_id, 'user_id', user_id,
                                         'scopes', string_to_array(scopes, ' '), 'trusted', is_trusted)
               FROM consumed
           )
           SELECT nth AS "nth!" FROM consumed"#,
        &ids(|redemption| redemption.session_id.0),
        &users,
        &ids(|redemption| redemption.device_id.0),
        &ids(|redemption| redemption.family_id.0),
        &scopes,
        &keys as &[Option<Vec<u8>>],
        &ends,
        &token_ids as &[Option<Uuid>],
        &hashes as &[Option<Vec<u8>>],
        &idle_ends as &[Option<DateTime<Utc>>],
        &ids(|redemption| redemption.audit_id),
        &addresses,
        &ids(|redemption| redemption.origin.request_id.0),
        &times,
        Action::DeviceSessionRedeemed.as_str(),
        Outcome::Success.as_str(),
        &trusted,
        &used_keys as &[Option<Vec<u8>>]
    )
    .fetch_all(db)
    .await?;
    let redeemed: HashSet<i64> = redeemed.into_iter().collect();
    Ok((1..).take(redemptions.len()).map(|nth| redeemed.contains(&nth)).collect())
}

/// Makes a redeemed session redeemable once more, and revokes what it was redeemed for: the device that proved
/// itself never received it. The family that was revoked; `None`: it was done before, the tokens were used and so
/// received, or somebody revoked them; then give the transaction up.
pub async fn take_back(
    db: impl PgExecutor<'_>,
    session: DeviceSessionId,
    reason: RevocationReason,
    now: DateTime<Utc>,
) -> Result<Option<TokenFamilyId>> {
    let family = sqlx::query_scalar!(
        "WITH reopened AS (
             UPDATE device_sessions SET state = 'approved', consumed_at = NULL, retried_at = $2
             WHERE id = $1 AND state = 'consumed' AND retried_at IS NULL
               AND EXISTS (SELECT FROM token_families f
                           WHERE f.device_session_id = $1 AND f.revoked_at IS NULL
                             AND NOT EXISTS (SELECT FROM refresh_tokens t
                                             WHERE t.family_id = f.id AND t.rotated_at IS NOT NULL))
             RETURNING id
         )
         UPDATE token_families f SET revoked_at = $2, revoked_reason = $3
         FROM reopened WHERE f.device_session_id = reopened.id AND f.revoked_at IS NULL
         RETURNING f.id",
        session.0,
        now,
        reason.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(family.map(TokenFamilyId))
}
