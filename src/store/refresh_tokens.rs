//! `refresh_tokens`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use super::users::UserRow;
use crate::model::audit_event::{Action, Outcome};
use crate::model::bearer_secret::SecretHash;
use crate::model::device_session::Authentication;
use crate::model::ids::{ClientId, DeviceId, RefreshTokenId, TenantId, TokenFamilyId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::token_family::{PresentedRefreshToken, TokenFamily};

/// A refresh token about to be stored.
#[derive(Debug)]
pub struct NewRefreshToken {
    /// Its identifier.
    pub id: RefreshTokenId,
    /// Its hash.
    pub hash: SecretHash,
    /// Its idle end.
    pub expires_at: DateTime<Utc>,
}

/// The token with this hash, its family, and whose it is.
pub async fn find(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    hash: SecretHash,
) -> Result<Option<PresentedRefreshToken>> {
    let row = sqlx::query!(
        "SELECT t.id, t.expires_at, t.rotated_at, d.locked_at,
                f.id AS family_id, f.device_id, f.user_id, f.client_id, f.granted_scopes, f.auth_time, f.amr,
                f.expires_at AS family_expires_at, f.revoked_at,
                u.username, u.display_name, u.email, u.email_verified, u.roles, u.enabled,
                u.locked_at AS user_locked_at, u.tokens_not_before
         FROM refresh_tokens t
         JOIN token_families f ON f.id = t.family_id
         JOIN devices d ON d.id = f.device_id
         JOIN users u ON u.id = f.user_id
         WHERE t.token_hash = $2 AND t.tenant_id = $1",
        tenant.0,
        &hash.0[..]
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| PresentedRefreshToken {
        id: RefreshTokenId(row.id),
        expires_at: row.expires_at,
        rotated_at: row.rotated_at,
        device_locked: row.locked_at.is_some(),
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
            expires_at: row.family_expires_at,
            revoked_at: row.revoked_at,
        },
    }))
}

/// Exchanges a token for its successor, in one statement with what is written beside it: the device was seen,
/// and the audit trail says so. Whether it was still there to be exchanged, by a user, client and tenant that
/// still may; `false` changes nothing.
pub async fn rotate(
    db: impl PgExecutor<'_>,
    presented: &PresentedRefreshToken,
    successor: &NewRefreshToken,
    audit_id: Uuid,
    origin: &RequestOrigin,
    now: DateTime<Utc>,
) -> Result<bool> {
    let rotated = sqlx::query_scalar!(
        r#"WITH family AS (
               SELECT f.id, f.tenant_id, f.device_id, f.client_id FROM token_families f
               WHERE f.id = $2 AND f.revoked_at IS NULL
                 AND EXISTS (SELECT FROM users u WHERE u.id = f.user_id AND u.enabled AND u.locked_at IS NULL)
                 AND EXISTS (SELECT FROM clients c
                             WHERE c.tenant_id = f.tenant_id AND c.client_id = f.client_id AND c.enabled)
                 AND EXISTS (SELECT FROM tenants t WHERE t.id = f.tenant_id AND t.enabled)
                 AND EXISTS (SELECT FROM devices d WHERE d.id = f.device_id AND d.locked_at IS NULL)
               FOR SHARE OF f
           ), rotated AS (
               UPDATE refresh_tokens t SET rotated_at = $3
               FROM family WHERE t.id = $1 AND t.family_id = family.id AND t.rotated_at IS NULL
               RETURNING t.family_id, t.tenant_id
           ), seen AS (
               UPDATE devices d SET last_seen_at = $3
               FROM family, rotated WHERE d.id = family.device_id
           ), audited AS (
               INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id,
                                         target_kind, target_id, ip_address, request_id)
               SELECT $7, family.tenant_id, $3, $8, $9, 'client', family.client_id,
                      'token_family', family.id::text, $10, $11
               FROM family, rotated
           )
           INSERT INTO refresh_tokens (id, tenant_id, family_id, token_hash, created_at, expires_at)
           SELECT $4, rotated.tenant_id, rotated.family_id, $5, $3, $6 FROM rotated
           RETURNING true AS "rotated!""#,
        presented.id.0,
        presented.family.id.0,
        now,
        successor.id.0,
        &successor.hash.0[..],
        successor.expires_at,
        audit_id,
        Action::TokenRefreshed.as_str(),
        Outcome::Success.as_str(),
        origin.ip_network(),
        origin.request_id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(rotated.is_some())
}
