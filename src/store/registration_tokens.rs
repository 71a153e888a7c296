//! `registration_tokens`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::bearer_secret::SecretHash;
use crate::model::ids::{RegistrationTokenId, TenantId};
use crate::model::registration_token::RegistrationToken;

pub async fn insert(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: &RegistrationToken,
    hash: SecretHash,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO registration_tokens (id, tenant_id, token_hash, name, uses_left, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        token.id.0,
        tenant.0,
        &hash.0[..],
        token.name,
        token.uses_left,
        token.created_at,
        token.expires_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Uses a token once, if it is good at `now`; which one it was. Others that use it wait until the transaction ends.
pub async fn spend(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    hash: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<RegistrationTokenId>> {
    let spent = sqlx::query_scalar!(
        "UPDATE registration_tokens SET uses_left = uses_left - 1
         WHERE tenant_id = $1 AND token_hash = $2 AND expires_at > $3 AND uses_left > 0
         RETURNING id",
        tenant.0,
        &hash.0[..],
        now
    )
    .fetch_optional(db)
    .await?;
    Ok(spent.map(RegistrationTokenId))
}

/// A tenant's tokens, newest first, `limit` of them after the first `offset`.
pub async fn list(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    offset: i64,
    limit: i64,
) -> Result<Vec<RegistrationToken>> {
    let rows = sqlx::query!(
        "SELECT id, name, uses_left, created_at, expires_at FROM registration_tokens
         WHERE tenant_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT $3",
        tenant.0,
        offset,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| RegistrationToken {
            id: RegistrationTokenId(row.id),
            name: row.name,
            uses_left: row.uses_left,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
        .collect())
}

/// How many tokens the tenant has.
pub async fn count(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<i64> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM registration_tokens WHERE tenant_id = $1"#,
        tenant.0
    );
    Ok(count.fetch_one(db).await?)
}

/// Deletes a token; whether it was there.
pub async fn delete(db: impl PgExecutor<'_>, tenant: TenantId, id: RegistrationTokenId) -> Result<bool> {
    let gone =
        sqlx::query!("DELETE FROM registration_tokens WHERE tenant_id = $1 AND id = $2", tenant.0, id.0)
            .execute(db)
            .await?;
    Ok(gone.rows_affected() == 1)
}
