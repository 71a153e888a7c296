//! `resources`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::ids::TenantId;
use crate::model::resource::Resource;

/// The services that the tenant knows, by URI.
pub async fn all(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<Resource>> {
    let rows = sqlx::query!("SELECT uri, name FROM resources WHERE tenant_id = $1 ORDER BY uri", tenant.0)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(|row| Resource { uri: row.uri, name: row.name }).collect())
}

/// Whether there is one with this URI.
pub async fn exists(db: impl PgExecutor<'_>, tenant: TenantId, uri: &str) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM resources WHERE tenant_id = $1 AND uri = $2) AS "exists!""#,
        tenant.0,
        uri
    );
    Ok(found.fetch_one(db).await?)
}

/// Adds a resource; whether it was not there already.
pub async fn insert(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    resource: &Resource,
    now: DateTime<Utc>,
) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO resources (tenant_id, uri, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        tenant.0,
        resource.uri,
        resource.name,
        now
    )
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}
