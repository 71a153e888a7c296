//! `password_links`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::{TenantId, UserId};

/// Gives a person a link; the one before is void.
pub async fn put(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    token: SecretHash,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO password_links (tenant_id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, user_id) DO UPDATE SET token_hash = excluded.token_hash,
                                                        expires_at = excluded.expires_at",
        tenant.0,
        user.0,
        &token.0[..],
        expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Whose link this is, if it is still good.
pub async fn find(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<UserId>> {
    Ok(sqlx::query_scalar!(
        "SELECT user_id FROM password_links WHERE tenant_id = $1 AND token_hash = $2 AND expires_at > $3",
        tenant.0,
        &token.0[..],
        now
    )
    .fetch_optional(db)
    .await?
    .map(UserId))
}

/// Consumes a link. Returns its user, or `None` if the link is invalid.
pub async fn take(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<UserId>> {
    Ok(sqlx::query_scalar!(
        "DELETE FROM password_links WHERE tenant_id = $1 AND token_hash = $2 AND expires_at > $3
         RETURNING user_id",
        tenant.0,
        &token.0[..],
        now
    )
    .fetch_optional(db)
    .await?
    .map(UserId))
}

/// Ends the link of a user, if there is one.
pub async fn end_of_user(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<()> {
    sqlx::query!("DELETE FROM password_links WHERE tenant_id = $1 AND user_id = $2", tenant.0, user.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Ends every link of a tenant.
pub async fn end_of_tenant(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<()> {
    sqlx::query!("DELETE FROM password_links WHERE tenant_id = $1", tenant.0).execute(db).await?;
    Ok(())
}
