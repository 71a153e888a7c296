//! `half_sign_ins`

use chrono::{DateTime, Utc};
use sqlx::{PgExecutor, PgPool};

use super::Result;
use super::due_rows::for_each_due_tenant;
use super::users::UserRow;
use crate::model::bearer_secret::SecretHash;
use crate::model::half_sign_in::HalfSignIn;
use crate::model::ids::{TenantId, UserId};

/// Notes that the password was right; the code may follow until `expires_at`.
pub async fn insert(
    db: impl PgExecutor<'_>,
    half: &HalfSignIn,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO half_sign_ins (token_hash, tenant_id, user_id, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
        &half.token.0[..],
        half.user.tenant_id.0,
        half.user.id.0,
        now,
        expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The one of this cookie, if it is not too old, and its user and tenant are in good standing.
pub async fn find_live(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<HalfSignIn>> {
    let row = sqlx::query_as!(
        UserRow,
        "SELECT u.id, u.username, u.display_name, u.email, u.email_verified, u.roles, u.enabled, u.locked_at,
                u.tokens_not_before
         FROM half_sign_ins h
         JOIN users u ON u.id = h.user_id AND u.tenant_id = h.tenant_id
         JOIN tenants t ON t.id = h.tenant_id AND t.enabled
         WHERE h.token_hash = $2 AND h.tenant_id = $1 AND h.expires_at > $3 AND u.enabled AND u.locked_at IS NULL
           AND h.created_at >= coalesce(greatest(t.tokens_not_before, u.tokens_not_before), h.created_at)",
        tenant.0,
        &token.0[..],
        now
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| HalfSignIn { token, user: row.into_user(tenant) }))
}

/// Ends one; whether it was there, whoever asks at the same moment.
pub async fn end(db: impl PgExecutor<'_>, tenant: TenantId, token: SecretHash) -> Result<bool> {
    let ended = sqlx::query!(
        "DELETE FROM half_sign_ins WHERE tenant_id = $1 AND token_hash = $2",
        tenant.0,
        &token.0[..]
    )
    .execute(db)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Ends all of a user.
pub async fn end_of_user(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<()> {
    sqlx::query!("DELETE FROM half_sign_ins WHERE tenant_id = $1 AND user_id = $2", tenant.0, user.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Deletes a batch of those that expired before `before`.
pub async fn delete_expired(db: &PgPool, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, expires_at AS at FROM half_sign_ins WHERE expires_at < $1
                 ORDER BY expires_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM half_sign_ins WHERE tenant_id = $1 AND token_hash IN (
             SELECT token_hash FROM half_sign_ins WHERE tenant_id = $1 AND expires_at BETWEEN $2 AND $3
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
