//! `tenants`

use std::collections::HashMap;
use std::fmt::Display;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::announcements::{Announcement, announce};
use super::inconsistent::RowOf;
use super::{Result, policy_changes};
use crate::model::ids::TenantId;
use crate::model::policy::PolicyChanges;
use crate::model::stored::Stored;
use crate::model::tenant::{Tenant, TenantSlug, TenantStanding};
use crate::model::tenant_host::TenantHost;
use crate::model::version::Version;

pub async fn find(db: impl PgExecutor<'_>, slug: &TenantSlug) -> Result<Option<Tenant>> {
    let row = sqlx::query!(
        "SELECT id, host, name, enabled, tokens_not_before, policy FROM tenants WHERE slug = $1",
        slug.as_str()
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let key = RowOf::new("tenants", row.id);
        Ok(Tenant {
            id: TenantId(row.id),
            slug: slug.clone(),
            host: host_of(&key, row.host.as_deref())?,
            name: row.name,
            enabled: row.enabled,
            tokens_not_before: row.tokens_not_before,
            policy: policy_changes(&key, row.policy)?,
        })
    })
    .transpose()
}

/// Adds a tenant; whether it was not there already.
pub async fn insert(db: &mut PgConnection, tenant: &Tenant, now: DateTime<Utc>) -> Result<bool> {
    let added = sqlx::query!(
        "INSERT INTO tenants (id, slug, name, enabled, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (slug) DO NOTHING",
        tenant.id.0,
        tenant.slug.as_str(),
        tenant.name,
        tenant.enabled,
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(added.rows_affected() == 1)
}

pub async fn slugs(db: impl PgExecutor<'_>) -> Result<Vec<TenantSlug>> {
    let slugs = sqlx::query_scalar!("SELECT slug FROM tenants ORDER BY slug").fetch_all(db).await?;
    slugs.iter().map(|slug| slug_of(&RowOf::new("tenants", slug), slug)).collect()
}

/// Reads the slug of a row of `tenants`.
pub(super) fn slug_of<I: Display>(row: &RowOf<I>, text: &str) -> Result<TenantSlug> {
    let slug = if text.is_empty() { Some(TenantSlug::root()) } else { TenantSlug::parse(text).ok() };
    row.take("slug", slug)
}

/// Reads the host of a row of `tenants`.
pub(super) fn host_of<I: Display>(row: &RowOf<I>, text: Option<&str>) -> Result<Option<TenantHost>> {
    row.read("host", text, |host| TenantHost::parse(host).ok())
}

/// Every tenant that has a host of its own, by that host.
pub async fn hosts(db: impl PgExecutor<'_>) -> Result<HashMap<TenantHost, TenantSlug>> {
    let rows = sqlx::query!(r#"SELECT host AS "host!", slug FROM tenants WHERE host IS NOT NULL"#)
        .fetch_all(db)
        .await?;
    let read = |host: &str, slug: &str| {
        let row = RowOf::new("tenants", slug);
        Ok((row.take("host", TenantHost::parse(host).ok())?, slug_of(&row, slug)?))
    };
    rows.iter().map(|row| read(&row.host, &row.slug)).collect()
}

pub async fn host(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Option<TenantHost>> {
    let host =
        sqlx::query_scalar!("SELECT host FROM tenants WHERE id = $1", tenant.0).fetch_optional(db).await?;
    host_of(&RowOf::new("tenants", tenant.0), host.flatten().as_deref())
}

/// Sets or clears the host of a tenant. Returns `false` if another tenant has it.
pub async fn set_host(db: &mut PgConnection, tenant: TenantId, host: Option<&TenantHost>) -> Result<bool> {
    let changed = sqlx::query!(
        "UPDATE tenants SET host = $2, version = version + 1
         WHERE id = $1 AND NOT EXISTS (SELECT FROM tenants WHERE host = $2 AND id <> $1)",
        tenant.0,
        host.map(TenantHost::as_str)
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(changed.rows_affected() == 1)
}

/// Writes what the tenant has otherwise than the settings.
pub async fn set_policy(db: &mut PgConnection, tenant: TenantId, changes: &PolicyChanges) -> Result<()> {
    let changes = Value::Object(changes.0.clone());
    sqlx::query!("UPDATE tenants SET policy = $2, version = version + 1 WHERE id = $1", tenant.0, changes)
        .execute(&mut *db)
        .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

/// Changes whether the tenant answers at all.
pub async fn set_standing(db: &mut PgConnection, tenant: TenantId, standing: TenantStanding) -> Result<()> {
    let enabled = standing == TenantStanding::Enabled;
    sqlx::query!("UPDATE tenants SET enabled = $2, version = version + 1 WHERE id = $1", tenant.0, enabled)
        .execute(&mut *db)
        .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

/// Lets nothing count that the tenant issued before `instant`; the instant that is in force now.
pub async fn raise_tokens_not_before(
    db: &mut PgConnection,
    tenant: TenantId,
    instant: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    let in_force = sqlx::query_scalar!(
        r#"UPDATE tenants SET tokens_not_before = greatest(tokens_not_before, $2), version = version + 1
           WHERE id = $1
           RETURNING tokens_not_before AS "in_force!""#,
        tenant.0,
        instant
    )
    .fetch_one(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(in_force)
}

/// Erases a tenant with everything that is its own. The audit trail stays.
pub async fn erase(db: &mut PgConnection, tenant: TenantId) -> Result<()> {
    let id = tenant.0;
    sqlx::query!("DELETE FROM device_authorizations WHERE tenant_id = $1", id).execute(&mut *db).await?;
    sqlx::query!("DELETE FROM spent_user_codes WHERE tenant_id = $1", id).execute(&mut *db).await?;
    // With their families and refresh tokens.
    sqlx::query!("DELETE FROM devices WHERE tenant_id = $1", id).execute(&mut *db).await?;
    sqlx::query!("DELETE FROM browser_sessions WHERE tenant_id = $1", id).execute(&mut *db).await?;
    sqlx::query!("DELETE FROM clients WHERE tenant_id = $1", id).execute(&mut *db).await?;
    sqlx::query!("DELETE FROM users WHERE tenant_id = $1", id).execute(&mut *db).await?;
    sqlx::query!("DELETE FROM scopes WHERE tenant_id = $1", id).execute(&mut *db).await?;
    sqlx::query!("DELETE FROM signing_keys WHERE tenant_id = $1", id).execute(&mut *db).await?;
    sqlx::query!("DELETE FROM mac_keys WHERE tenant_id = $1 AND purpose <> 'audit'", id)
        .execute(&mut *db)
        .await?;
    sqlx::query!("DELETE FROM attempt_budgets WHERE tenant_id = $1", id).execute(&mut *db).await?;
    sqlx::query!("DELETE FROM attempt_holds WHERE tenant_id = $1", id).execute(&mut *db).await?;
    sqlx::query!("DELETE FROM resources WHERE tenant_id = $1", id).execute(&mut *db).await?;
    // With its used proofs and revoked access tokens.
    sqlx::query!("DELETE FROM tenants WHERE id = $1", id).execute(&mut *db).await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

/// The tenants as they are kept, by slug: `limit` of them after the first `offset`.
pub async fn list(db: impl PgExecutor<'_>, offset: i64, limit: i64) -> Result<Vec<Stored<Tenant>>> {
    let rows = sqlx::query_as!(
        TenantRow,
        "SELECT id, slug, host, name, enabled, tokens_not_before, policy, version, created_at FROM tenants
         ORDER BY slug OFFSET $1 LIMIT $2",
        offset,
        limit
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(TenantRow::into_stored).collect()
}

pub async fn count(db: impl PgExecutor<'_>) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM tenants"#).fetch_one(db).await?)
}

/// The tenant with this slug, as it is kept.
pub async fn find_stored(db: impl PgExecutor<'_>, slug: &TenantSlug) -> Result<Option<Stored<Tenant>>> {
    let row = sqlx::query_as!(
        TenantRow,
        "SELECT id, slug, host, name, enabled, tokens_not_before, policy, version, created_at FROM tenants
         WHERE slug = $1",
        slug.as_str()
    )
    .fetch_optional(db)
    .await?;
    row.map(TenantRow::into_stored).transpose()
}

/// The tenant with this slug, as it stays until the transaction ends.
pub async fn hold(db: impl PgExecutor<'_>, slug: &TenantSlug) -> Result<Option<Stored<Tenant>>> {
    let row = sqlx::query_as!(
        TenantRow,
        "SELECT id, slug, host, name, enabled, tokens_not_before, policy, version, created_at FROM tenants
         WHERE slug = $1 FOR UPDATE",
        slug.as_str()
    )
    .fetch_optional(db)
    .await?;
    row.map(TenantRow::into_stored).transpose()
}

pub async fn rename(db: &mut PgConnection, tenant: TenantId, name: &str) -> Result<()> {
    sqlx::query!("UPDATE tenants SET name = $2, version = version + 1 WHERE id = $1", tenant.0, name)
        .execute(&mut *db)
        .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(())
}

struct TenantRow {
    id: Uuid,
    slug: String,
    host: Option<String>,
    name: String,
    enabled: bool,
    tokens_not_before: Option<DateTime<Utc>>,
    policy: Value,
    version: Version,
    created_at: DateTime<Utc>,
}

impl TenantRow {
    fn into_stored(self) -> Result<Stored<Tenant>> {
        let row = RowOf::new("tenants", self.id);
        let value = Tenant {
            id: TenantId(self.id),
            slug: slug_of(&row, &self.slug)?,
            host: host_of(&row, self.host.as_deref())?,
            name: self.name,
            enabled: self.enabled,
            tokens_not_before: self.tokens_not_before,
            policy: policy_changes(&row, self.policy)?,
        };
        Ok(Stored { value, version: self.version, created_at: self.created_at })
    }
}
