//! `refresh_tokens`. What arrives together is looked up and exchanged together.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::batches::BatchQueue;
use super::users::UserRow;
use super::{Result, thumbprint};
use crate::model::audit_event::{Action, Outcome};
use crate::model::bearer_secret::SecretHash;
use crate::model::device_session::Authentication;
use crate::model::ids::{ClientId, DeviceId, RefreshTokenId, TenantId, TokenFamilyId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::token_family::{PresentedRefreshToken, TokenFamily, Trust, TrustLoss};

/// A refresh token about to be stored.
#[derive(Clone, Debug)]
pub struct NewRefreshToken {
    /// Its identifier.
    pub id: RefreshTokenId,
    /// Its hash.
    pub hash: SecretHash,
    /// Its idle end.
    pub expires_at: DateTime<Utc>,
}

/// The hash of a refresh token, in the tenant it was presented to.
pub type TokenName = (TenantId, SecretHash);
/// Refresh tokens that wait to be looked up: each with its family, and whose it is.
pub type TokenQueue = BatchQueue<TokenName, Option<PresentedRefreshToken>>;

/// A queue of refresh tokens to look up.
#[must_use]
pub fn queue() -> TokenQueue {
    BatchQueue::new(|db: &PgPool, names| Box::pin(find(db, names)))
}

/// Looks up refresh tokens; each with its family, and whose it is.
pub async fn find(
    db: impl PgExecutor<'_>,
    names: &[TokenName],
) -> Result<Vec<Option<PresentedRefreshToken>>> {
    let tenants: Vec<Uuid> = names.iter().map(|(tenant, _)| tenant.0).collect();
    let hashes: Vec<Vec<u8>> = names.iter().map(|(_, hash)| hash.0.to_vec()).collect();
    let rows = sqlx::query!(
        r#"SELECT asked.nth AS "nth!", t.id, t.expires_at, t.rotated_at, t.superseded_at, d.locked_at, d.trusted,
                  d.trusted_jkt,
                  CASE WHEN t.rotated_at IS NOT NULL THEN
                      (SELECT leaf.id FROM refresh_tokens leaf
                       WHERE leaf.family_id = t.family_id AND leaf.predecessor_id = t.id
                         AND leaf.rotated_at IS NULL AND leaf.superseded_at IS NULL)
                  END AS unused_successor,
                  f.id AS family_id, f.tenant_id, f.device_id, f.user_id, f.client_id, f.granted_scopes, f.auth_time,
                  f.amr, f.dpop_jkt, f.resources, f.created_at, f.expires_at AS family_expires_at, f.revoked_at,
                  u.username, u.display_name, u.email, u.email_verified, u.roles, u.enabled,
                  u.locked_at AS user_locked_at, u.tokens_not_before
           FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS asked (tenant_id, token_hash, nth)
           JOIN refresh_tokens t ON t.token_hash = asked.token_hash AND t.tenant_id = asked.tenant_id
           JOIN token_families f ON f.id = t.family_id
           JOIN devices d ON d.id = f.device_id
           JOIN users u ON u.id = f.user_id"#,
        &tenants,
        &hashes
    )
    .fetch_all(db)
    .await?;
    let mut found = vec![None; names.len()];
    for row in rows {
        let tenant = TenantId(row.tenant_id);
        let presented = PresentedRefreshToken {
            id: RefreshTokenId(row.id),
            expires_at: row.expires_at,
            rotated_at: row.rotated_at,
            superseded_at: row.superseded_at,
            unused_successor: row.unused_successor.map(RefreshTokenId),
            device_locked: row.locked_at.is_some(),
            trust: row.trusted.then(|| Trust { key: row.trusted_jkt.as_deref().and_then(thumbprint) }),
            user: UserRow {
                id: row.user_id,
                username: row.username,
                display_name: row.display_name,
                email: row.email,
                email_verified: row.email_verified,
                roles: row.roles,
                enabled: row.enabled,
                locked_at: row.user_locked_at,
                tokens_not_before: row.tokens_not_before,
            }
            .into_user(tenant),
            family: TokenFamily {
                id: TokenFamilyId(row.family_id),
                tenant_id: tenant,
                device_id: DeviceId(row.device_id),
                user_id: UserId(row.user_id),
                client_id: ClientId::from_known(row.client_id),
                scopes: row.granted_scopes.into_iter().collect(),
                authentication: Authentication { auth_time: row.auth_time, amr: row.amr },
                dpop_key: row.dpop_jkt.as_deref().and_then(thumbprint),
                resources: row.resources,
                created_at: row.created_at,
                expires_at: row.family_expires_at,
                revoked_at: row.revoked_at,
            },
        };
        if let Some(place) = usize::try_from(row.nth - 1).ok().and_then(|index| found.get_mut(index)) {
            *place = Some(presented);
        }
    }
    Ok(found)
}

/// One token takes the place of another.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The token that was presented.
    pub presented: RefreshTokenId,
    /// The live token that goes: the presented one, or its successor that nobody has used.
    pub replaced: RefreshTokenId,
    /// Their family.
    pub family: TokenFamilyId,
    /// The token that comes.
    pub successor: NewRefreshToken,
    /// The family's new end, where it ends earlier than before.
    pub earlier_end: Option<DateTime<Utc>>,
    /// Why its device is not trusted any more, where it was.
    pub trust_loss: Option<TrustLoss>,
    /// The audit event's identifier.
    pub audit_id: Uuid,
    /// Who asks.
    pub origin: RequestOrigin,
    /// When.
    pub at: DateTime<Utc>,
}

/// Exchanges that wait to be stored. The outcome of each: whether the replaced token was still alive, in a family,
/// device, user, client and tenant that still may; `false` changes nothing.
pub type RotationQueue = BatchQueue<Rotation, bool>;

/// A queue of exchanges.
#[must_use]
pub fn rotation_queue() -> RotationQueue {
    BatchQueue::new(|db: &PgPool, rotations| Box::pin(rotate(db, rotations)))
}

/// Exchanges tokens for their successors, in one statement with what is written beside it: the device was seen, to
/// the minute, and the audit trail says so. No lock on the family is needed against its revocation: a token in a
/// revoked family is dead, whenever it was added.
async fn rotate(db: impl PgExecutor<'_>, rotations: &[Rotation]) -> Result<Vec<bool>> {
    let ids = |pick: fn(&Rotation) -> Uuid| rotations.iter().map(pick).collect::<Vec<_>>();
    let hashes: Vec<Vec<u8>> = rotations.iter().map(|rotation| rotation.successor.hash.0.to_vec()).collect();
    let ends: Vec<DateTime<Utc>> = rotations.iter().map(|rotation| rotation.successor.expires_at).collect();
    let earlier_ends: Vec<Option<DateTime<Utc>>> =
        rotations.iter().map(|rotation| rotation.earlier_end).collect();
    let losses: Vec<Option<String>> =
        rotations.iter().map(|rotation| rotation.trust_loss.map(|loss| loss.as_str().to_owned())).collect();
    let addresses: Vec<IpNet> = rotations.iter().map(|rotation| rotation.origin.ip_network()).collect();
    let times: Vec<DateTime<Utc>> = rotations.iter().map(|rotation| rotation.at).collect();
    let rotated = sqlx::query_scalar!(
        r#"WITH asked AS MATERIALIZED (
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bytea[], $6::timestamptz[],
                                    $7::uuid[], $8::inet[], $9::uuid[], $10::timestamptz[], $13::timestamptz[],
                                    $14::text[])
                    WITH ORDINALITY
                    AS asked (presented, replaced, family, successor, successor_hash, idle_end, audit_id, address,
                              request_id, at, earlier_end, trust_loss, nth)
           ), rotated AS (
               UPDATE refresh_tokens t
               SET rotated_at = CASE WHEN asked.replaced = asked.presented THEN asked.at END,
                   superseded_at = CASE WHEN asked.replaced <> asked.presented THEN asked.at END
               FROM asked
               JOIN token_families f ON f.id = asked.family AND f.revoked_at IS NULL
               JOIN devices d ON d.id = f.device_id AND d.locked_at IS NULL
               JOIN users u ON u.id = f.user_id AND u.enabled AND u.locked_at IS NULL
               JOIN clients c ON c.tenant_id = f.tenant_id AND c.client_id = f.client_id AND c.enabled
               JOIN tenants ON tenants.id = f.tenant_id AND tenants.enabled
               WHERE t.id = asked.replaced AND t.family_id = f.id
                 AND t.rotated_at IS NULL AND t.superseded_at IS NULL
               RETURNING asked.*, f.tenant_id, f.device_id, f.client_id, d.last_seen_at
           ), seen AS (
               UPDATE devices d
               SET last_seen_at = greatest(d.last_seen_at, rotated.at), trusted = d.trusted AND rotated.trust_loss IS NULL,
                   trusted_jkt = CASE WHEN rotated.trust_loss IS NULL THEN d.trusted_jkt END,
                   expires_at = least(d.expires_at, rotated.earlier_end),
                   updated_at = CASE WHEN rotated.trust_loss IS NULL THEN d.updated_at ELSE rotated.at END,
                   version = d.version + CASE WHEN rotated.trust_loss IS NULL THEN 0 ELSE 1 END
               FROM rotated
               WHERE d.id = rotated.device_id
                 AND (rotated.last_seen_at < rotated.at - interval '1 minute'
                      OR rotated.trust_loss IS NOT NULL OR rotated.earlier_end IS NOT NULL)
           ), shortened AS (
               UPDATE token_families f SET expires_at = least(f.expires_at, rotated.earlier_end)
               FROM rotated
               WHERE f.id = rotated.family AND rotated.earlier_end IS NOT NULL
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id,
                                         target_kind, target_id, ip_address, request_id, details)
               SELECT audit_id, tenant_id, at, $11, $12, 'client', client_id,
                      'token_family', family::text, address, request_id,
                      CASE WHEN replaced <> presented THEN jsonb_build_object('superseded', replaced) ELSE '{}' END
                          || CASE WHEN trust_loss IS NOT NULL THEN jsonb_build_object('trust_lost', trust_loss) ELSE '{}' END
               FROM rotated
           ), added AS (
               INSERT INTO refresh_tokens (id, tenant_id, family_id, token_hash, predecessor_id, created_at, expires_at)
               SELECT successor, tenant_id, family, successor_hash, presented, at, idle_end FROM rotated
           )
           SELECT nth AS "nth!" FROM rotated"#,
        &ids(|rotation| rotation.presented.0),
        &ids(|rotation| rotation.replaced.0),
        &ids(|rotation| rotation.family.0),
        &ids(|rotation| rotation.successor.id.0),
        &hashes,
        &ends,
        &ids(|rotation| rotation.audit_id),
        &addresses,
        &ids(|rotation| rotation.origin.request_id.0),
        &times,
        Action::TokenRefreshed.as_str(),
        Outcome::Success.as_str(),
        &earlier_ends as &[Option<DateTime<Utc>>],
        &losses as &[Option<String>]
    )
    .fetch_all(db)
    .await?;
    let rotated: HashSet<i64> = rotated.into_iter().collect();
    Ok((1..).take(rotations.len()).map(|nth| rotated.contains(&nth)).collect())
}
