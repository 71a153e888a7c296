//! `resources`

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Result;
use super::announcements::{Announcement, announce};
use crate::model::ids::{ResourceId, TenantId};
use crate::model::resource::Resource;
use crate::model::stored::Stored;

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
    db: &mut PgConnection,
    tenant: TenantId,
    id: ResourceId,
    resource: &Resource,
    now: DateTime<Utc>,
) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO resources (tenant_id, id, uri, name, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, uri) DO NOTHING",
        tenant.0,
        id.0,
        resource.uri,
        resource.name,
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(added.rows_affected() == 1)
}

/// The services that the tenant knows as they are kept, by URI: `limit` of them after the first `offset`.
pub async fn list(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    offset: i64,
    limit: i64,
) -> Result<Vec<(ResourceId, Stored<Resource>)>> {
    let rows = sqlx::query!(
        "SELECT id, uri, name, version, created_at FROM resources
         WHERE tenant_id = $1 ORDER BY uri OFFSET $2 LIMIT $3",
        tenant.0,
        offset,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let value = Resource { uri: row.uri, name: row.name };
            (ResourceId(row.id), Stored { value, version: row.version, created_at: row.created_at })
        })
        .collect())
}

/// How many services the tenant knows.
pub async fn count(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<i64> {
    let count =
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM resources WHERE tenant_id = $1"#, tenant.0);
    Ok(count.fetch_one(db).await?)
}

/// The service of this identifier, as it stays until the transaction ends.
pub async fn hold(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    id: ResourceId,
) -> Result<Option<Stored<Resource>>> {
    let row = sqlx::query!(
        "SELECT uri, name, version, created_at FROM resources WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        tenant.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Stored {
        value: Resource { uri: row.uri, name: row.name },
        version: row.version,
        created_at: row.created_at,
    }))
}

pub async fn rename(db: &mut PgConnection, tenant: TenantId, id: ResourceId, name: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE resources SET name = $3, version = version + 1 WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        id.0,
        name
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

pub async fn delete(db: &mut PgConnection, tenant: TenantId, id: ResourceId) -> Result<()> {
    sqlx::query!("DELETE FROM resources WHERE tenant_id = $1 AND id = $2", tenant.0, id.0)
        .execute(&mut *db)
        .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}
