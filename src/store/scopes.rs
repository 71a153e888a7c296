//! `scopes`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::ids::TenantId;
use crate::model::scope::Scope;

/// The tenant's catalogue, by name.
pub async fn all(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<Scope>> {
    let rows = sqlx::query!(
        "SELECT name, description, required_role FROM scopes WHERE tenant_id = $1 ORDER BY name",
        tenant.0
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Scope {
            name: row.name,
            description: row.description,
            required_role: row.required_role.and_then(|role| role.parse().ok()),
        })
        .collect())
}

/// Adds a scope; whether it was not there already.
pub async fn insert(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO scopes (tenant_id, name, description, required_role, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        tenant.0,
        scope.name,
        scope.description,
        scope.required_role.as_ref().map(ToString::to_string),
        now
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}
