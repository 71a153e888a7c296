//! `tenants`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::ids::TenantId;
use crate::model::tenant::{Tenant, TenantSlug};

/// The tenant with this slug.
pub async fn find(db: impl PgExecutor<'_>, slug: &TenantSlug) -> Result<Option<Tenant>> {
    let row = sqlx::query!(
        "SELECT id, name, enabled, tokens_not_before FROM tenants WHERE slug = $1",
        slug.as_str()
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Tenant {
        id: TenantId(row.id),
        slug: slug.clone(),
        name: row.name,
        enabled: row.enabled,
        tokens_not_before: row.tokens_not_before,
    }))
}

/// Adds a tenant; whether it was not there already.
pub async fn insert(db: impl PgExecutor<'_>, tenant: &Tenant, now: DateTime<Utc>) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO tenants (id, slug, name, enabled, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (slug) DO NOTHING",
        tenant.id.0,
        tenant.slug.as_str(),
        tenant.name,
        tenant.enabled,
        now
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}
