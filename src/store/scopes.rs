//! `scopes`

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};

use super::Result;
use super::announcements::{Announcement, announce};
use super::inconsistent::RowOf;
use crate::model::ids::TenantId;
use crate::model::scope::Scope;
use crate::model::scope_translations::Translations;
use crate::model::stored::Stored;
use crate::model::user::Role;

pub async fn all(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<Scope>> {
    let rows = sqlx::query!(
        r#"SELECT name, description, translations AS "translations: Json<Translations>", required_role,
                  requires_dpop, max_lifetime_seconds
           FROM scopes WHERE tenant_id = $1 ORDER BY name"#,
        tenant.0
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Scope {
                required_role: required_role(&row.name, row.required_role)?,
                max_lifetime_seconds: max_lifetime_of(&row.name, row.max_lifetime_seconds)?,
                name: row.name,
                description: row.description,
                translations: row.translations.0,
                requires_dpop: row.requires_dpop,
            })
        })
        .collect()
}

/// Adds a scope; whether it was not there already.
pub async fn insert(
    db: &mut PgConnection,
    tenant: TenantId,
    scope: &Scope,
    now: DateTime<Utc>,
) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO scopes (tenant_id, name, description, translations, required_role, requires_dpop,
                             max_lifetime_seconds, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant_id, name) DO NOTHING",
        tenant.0,
        scope.name,
        scope.description,
        Json(&scope.translations) as _,
        scope.required_role.as_ref().map(ToString::to_string),
        scope.requires_dpop,
        max_lifetime(scope),
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(added.rows_affected() == 1)
}

/// The tenant's catalogue as it is kept, by name: `limit` scopes after the first `offset`.
pub async fn list(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    offset: i64,
    limit: i64,
) -> Result<Vec<Stored<Scope>>> {
    let rows = sqlx::query!(
        r#"SELECT name, description, translations AS "translations: Json<Translations>", required_role,
                  requires_dpop, max_lifetime_seconds, version, created_at
           FROM scopes WHERE tenant_id = $1 ORDER BY name OFFSET $2 LIMIT $3"#,
        tenant.0,
        offset,
        limit
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let value = Scope {
                required_role: required_role(&row.name, row.required_role)?,
                max_lifetime_seconds: max_lifetime_of(&row.name, row.max_lifetime_seconds)?,
                name: row.name,
                description: row.description,
                translations: row.translations.0,
                requires_dpop: row.requires_dpop,
            };
            Ok(Stored { value, version: row.version, created_at: row.created_at })
        })
        .collect()
}

/// How many scopes the catalogue has.
pub async fn count(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<i64> {
    let count =
        sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM scopes WHERE tenant_id = $1"#, tenant.0);
    Ok(count.fetch_one(db).await?)
}

/// The scope of this name, as it stays until the transaction ends.
pub async fn hold(db: impl PgExecutor<'_>, tenant: TenantId, name: &str) -> Result<Option<Stored<Scope>>> {
    let row = sqlx::query!(
        r#"SELECT description, translations AS "translations: Json<Translations>", required_role, requires_dpop,
                  max_lifetime_seconds, version, created_at
           FROM scopes WHERE tenant_id = $1 AND name = $2 FOR UPDATE"#,
        tenant.0,
        name
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let value = Scope {
            name: name.to_owned(),
            description: row.description,
            translations: row.translations.0,
            required_role: required_role(name, row.required_role)?,
            requires_dpop: row.requires_dpop,
            max_lifetime_seconds: max_lifetime_of(name, row.max_lifetime_seconds)?,
        };
        Ok(Stored { value, version: row.version, created_at: row.created_at })
    })
    .transpose()
}

fn required_role(scope: &str, stored: Option<String>) -> Result<Option<Role>> {
    RowOf::new("scopes", scope).read("required_role", stored, |role| role.parse().ok())
}

fn max_lifetime_of(scope: &str, stored: Option<i32>) -> Result<Option<u32>> {
    let row = RowOf::new("scopes", scope);
    stored.map(|seconds| row.number("max_lifetime_seconds", seconds)).transpose()
}

/// Writes what may change of a scope.
pub async fn update(db: &mut PgConnection, tenant: TenantId, scope: &Scope) -> Result<()> {
    sqlx::query!(
        "UPDATE scopes SET description = $3, translations = $4, required_role = $5, requires_dpop = $6,
                           max_lifetime_seconds = $7, version = version + 1
         WHERE tenant_id = $1 AND name = $2",
        tenant.0,
        scope.name,
        scope.description,
        Json(&scope.translations) as _,
        scope.required_role.as_ref().map(ToString::to_string),
        scope.requires_dpop,
        max_lifetime(scope)
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

fn max_lifetime(scope: &Scope) -> Option<i32> {
    scope.max_lifetime_seconds.and_then(|seconds| i32::try_from(seconds).ok())
}

/// Takes a scope out of the catalogue.
pub async fn delete(db: &mut PgConnection, tenant: TenantId, name: &str) -> Result<()> {
    sqlx::query!("DELETE FROM scopes WHERE tenant_id = $1 AND name = $2", tenant.0, name)
        .execute(&mut *db)
        .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}
