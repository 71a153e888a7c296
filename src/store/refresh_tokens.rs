//! `refresh_tokens`. What arrives together is looked up and exchanged together.

pub mod rotations;

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::batches::BatchQueue;
use super::users::UserRow;
use super::{Result, thumbprint};
use crate::model::bearer_secret::SecretHash;
use crate::model::device_authorization::Authentication;
use crate::model::ids::{ClientId, DeviceId, RefreshTokenId, TenantId, TokenFamilyId, UserId};
use crate::model::token_family::{PresentedRefreshToken, TokenFamily, Trust};

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
    BatchQueue::new(|db: &PgPool, _, names| Box::pin(find(db, names)))
}

/// Looks up refresh tokens; each with its family, and whose it is.
pub async fn find(
    db: impl PgExecutor<'_>,
    names: &[TokenName],
) -> Result<Vec<Option<PresentedRefreshToken>>> {
    let tenants: Vec<Uuid> = names.iter().map(|(tenant, _)| tenant.0).collect();
    let hashes: Vec<Vec<u8>> = names.iter().map(|(_, hash)| hash.0.to_vec()).collect();
    let rows = sqlx::query_as!(
        PresentedRow,
        r#"SELECT asked.nth AS "nth!", t.id, t.expires_at, t.rotated_at, t.superseded_at, d.locked_at, d.trusted,
                  d.trusted_jkt,
                  CASE WHEN t.rotated_at IS NOT NULL THEN
                      (SELECT leaf.token_hash FROM refresh_tokens leaf
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
    Ok(in_order(rows, names.len()))
}

/// Each row at the place of the request that it answers, counted from one.
fn in_order(rows: Vec<PresentedRow>, requests: usize) -> Vec<Option<PresentedRefreshToken>> {
    let mut found = vec![None; requests];
    for row in rows {
        if let Some(place) = usize::try_from(row.nth - 1).ok().and_then(|index| found.get_mut(index)) {
            *place = Some(row.into_presented());
        }
    }
    found
}

/// The columns of a [`PresentedRefreshToken`], and which request they answer.
struct PresentedRow {
    nth: i64,
    id: Uuid,
    expires_at: DateTime<Utc>,
    rotated_at: Option<DateTime<Utc>>,
    superseded_at: Option<DateTime<Utc>>,
    unused_successor: Option<Vec<u8>>,
    locked_at: Option<DateTime<Utc>>,
    trusted: bool,
    trusted_jkt: Option<Vec<u8>>,
    family_id: Uuid,
    tenant_id: Uuid,
    device_id: Uuid,
    user_id: Uuid,
    client_id: String,
    granted_scopes: Vec<String>,
    auth_time: DateTime<Utc>,
    amr: Vec<String>,
    dpop_jkt: Option<Vec<u8>>,
    resources: Vec<String>,
    created_at: DateTime<Utc>,
    family_expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    email_verified: bool,
    roles: Vec<String>,
    enabled: bool,
    user_locked_at: Option<DateTime<Utc>>,
    tokens_not_before: Option<DateTime<Utc>>,
}

impl PresentedRow {
    fn into_presented(self) -> PresentedRefreshToken {
        let tenant = TenantId(self.tenant_id);
        PresentedRefreshToken {
            id: RefreshTokenId(self.id),
            expires_at: self.expires_at,
            rotated_at: self.rotated_at,
            superseded_at: self.superseded_at,
            unused_successor: self.unused_successor.and_then(|hash| hash.try_into().ok()).map(SecretHash),
            device_locked: self.locked_at.is_some(),
            trust: self.trusted.then(|| Trust { key: self.trusted_jkt.as_deref().and_then(thumbprint) }),
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
            .into_user(tenant),
            family: TokenFamily {
                id: TokenFamilyId(self.family_id),
                tenant_id: tenant,
                device_id: DeviceId(self.device_id),
                user_id: UserId(self.user_id),
                client_id: ClientId::from_known(self.client_id),
                scopes: self.granted_scopes.into_iter().collect(),
                authentication: Authentication { auth_time: self.auth_time, amr: self.amr },
                dpop_key: self.dpop_jkt.as_deref().and_then(thumbprint),
                resources: self.resources,
                created_at: self.created_at,
                expires_at: self.family_expires_at,
                revoked_at: self.revoked_at,
            },
        }
    }
}
