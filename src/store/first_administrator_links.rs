//! `first_administrator_links`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::TenantId;

/// Puts a tenant's link in place, unless one is there that is still good; whether it was put.
pub async fn put(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let put = sqlx::query!(
        "INSERT INTO first_administrator_links AS l (tenant_id, token_hash, expires_at) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at
         WHERE l.expires_at <= $4",
        tenant.0,
        &token.0[..],
        expires_at,
        now
    )
    .execute(db)
    .await?;
    Ok(put.rows_affected() == 1)
}

/// Until when the tenant's link is good, if there is one that is.
pub async fn good_until(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>> {
    Ok(sqlx::query_scalar!(
        "SELECT expires_at FROM first_administrator_links WHERE tenant_id = $1 AND expires_at > $2",
        tenant.0,
        now
    )
    .fetch_optional(db)
    .await?)
}

/// Whether this is the tenant's link, and still good.
pub async fn is_good(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM first_administrator_links
                          WHERE tenant_id = $1 AND token_hash = $2 AND expires_at > $3) AS "good!""#,
        tenant.0,
        &token.0[..],
        now
    )
    .fetch_one(db)
    .await?)
}

/// Uses a link up; whether it was still good.
pub async fn take(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<bool> {
    let used_up = sqlx::query!(
        "DELETE FROM first_administrator_links WHERE tenant_id = $1 AND token_hash = $2 AND expires_at > $3",
        tenant.0,
        &token.0[..],
        now
    )
    .execute(db)
    .await?;
    Ok(used_up.rows_affected() == 1)
}
