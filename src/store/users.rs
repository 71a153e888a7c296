//! `users`

mod accounts;
mod passwords;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::announcements::{Announcement, announce};
use super::roles::roles;
use super::{Result, clients};
use crate::model::ids::{TenantId, UserId};
use crate::model::user::{Role, Standing, User};

pub use accounts::{Account, Filter, account, list, lock};
pub use passwords::{
    Credentials, begin_browser_generation, begin_sign_in_version, browser_generation, credentials, failures,
    renew_password_hash, set_password,
};

pub async fn find(db: impl PgExecutor<'_>, tenant: TenantId, id: UserId) -> Result<Option<User>> {
    let row = sqlx::query_as!(
        UserRow,
        "SELECT id, username, display_name, email, email_verified, roles, enabled, locked_at,
                tokens_not_before
         FROM users WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| row.into_user(tenant)).transpose()
}

pub async fn names(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    ids: &[UserId],
) -> Result<HashMap<UserId, String>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows =
        sqlx::query!("SELECT id, username FROM users WHERE tenant_id = $1 AND id = ANY ($2)", tenant.0, &ids)
            .fetch_all(db)
            .await?;
    Ok(rows.into_iter().map(|row| (UserId(row.id), row.username)).collect())
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    user: &User,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO users (id, tenant_id, username, password_hash, display_name, email, email_verified, roles,
                            created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        user.id.0,
        user.tenant_id.0,
        user.username,
        password_hash,
        user.display_name,
        user.email,
        user.email_verified,
        &user.roles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Changes whether the account may be used. What was issued before a disabled one is enabled again stays dead,
/// also what slipped in while it was being disabled.
pub async fn set_standing(
    db: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
    standing: Standing,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE users SET enabled = $3, locked_at = CASE WHEN $4 THEN $5::timestamptz END,
                          tokens_not_before = CASE WHEN enabled OR NOT $3 THEN tokens_not_before
                                              ELSE greatest(tokens_not_before, $5) END,
                          failed_sign_ins = 0, updated_at = $5, version = version + 1
         WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        user.0,
        standing != Standing::Disabled,
        standing == Standing::Locked,
        now
    )
    .execute(&mut *db)
    .await?;
    announce_rights(db, tenant, user).await
}

/// Announces a change of what a user may do, if they own clients: cached clients depend on it.
async fn announce_rights(db: &mut PgConnection, tenant: TenantId, user: UserId) -> Result<()> {
    if clients::count_owned(&mut *db, tenant, user).await? == 0 {
        return Ok(());
    }
    announce(db, Announcement::DirectoryChanged).await
}

/// The active administrators of a tenant, locked until the transaction ends, in one order, so that two who take the
/// role from each other never both go through.
pub async fn lock_admins(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<UserId>> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM users WHERE tenant_id = $1 AND 'admin' = ANY (roles) AND enabled AND locked_at IS NULL
         ORDER BY id FOR NO KEY UPDATE",
        tenant.0
    )
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// Whether the tenant has an account with this role, be it usable or not.
pub async fn has_with_role(db: impl PgExecutor<'_>, tenant: TenantId, role: &Role) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM users WHERE tenant_id = $1 AND $2 = ANY (roles)) AS "has!""#,
        tenant.0,
        role.to_string()
    )
    .fetch_one(db)
    .await?)
}

/// Writes what administrators may change of an account besides its standing.
pub async fn update(db: &mut PgConnection, user: &User, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE users SET display_name = $3, email = $4, email_verified = $5, roles = $6, updated_at = $7,
                          version = version + 1
         WHERE tenant_id = $1 AND id = $2",
        user.tenant_id.0,
        user.id.0,
        user.display_name,
        user.email,
        user.email_verified,
        &user.roles.iter().map(ToString::to_string).collect::<Vec<_>>(),
        now
    )
    .execute(&mut *db)
    .await?;
    announce_rights(db, user.tenant_id, user.id).await
}

/// Removes a user with everything that is theirs.
pub async fn delete(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<()> {
    sqlx::query!("DELETE FROM users WHERE tenant_id = $1 AND id = $2", tenant.0, user.0).execute(db).await?;
    Ok(())
}

/// Lets nothing count that was issued in the user's name before `instant`; the instant that is in force now.
pub async fn raise_tokens_not_before(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    instant: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar!(
        r#"UPDATE users SET tokens_not_before = greatest(tokens_not_before, $3) WHERE tenant_id = $1 AND id = $2
           RETURNING tokens_not_before AS "in_force!""#, tenant.0,
        user.0,
        instant
    )
    .fetch_one(db)
    .await?)
}

/// The columns of a [`User`].
pub(super) struct UserRow {
    pub(super) id: Uuid,
    pub(super) username: String,
    pub(super) display_name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
    pub(super) roles: Vec<String>,
    pub(super) enabled: bool,
    pub(super) locked_at: Option<DateTime<Utc>>,
    pub(super) tokens_not_before: Option<DateTime<Utc>>,
}

/// Takes the columns of a user out of a row that has them by their names, and the ID in the column `$id`.
macro_rules! user_row {
    ($row:expr, $id:ident) => {
        crate::store::users::UserRow {
            id: $row.$id,
            username: $row.username,
            display_name: $row.display_name,
            email: $row.email,
            email_verified: $row.email_verified,
            roles: $row.roles,
            enabled: $row.enabled,
            locked_at: $row.locked_at,
            tokens_not_before: $row.tokens_not_before,
        }
    };
}
pub(super) use user_row;

impl UserRow {
    pub(super) fn into_user(self, tenant_id: TenantId) -> Result<User> {
        Ok(User {
            id: UserId(self.id),
            tenant_id,
            username: self.username,
            display_name: self.display_name,
            email: self.email,
            email_verified: self.email_verified,
            roles: roles(self.id, &self.roles)?,
            standing: match (self.enabled, self.locked_at) {
                (false, _) => Standing::Disabled,
                (true, Some(_)) => Standing::Locked,
                (true, None) => Standing::Good,
            },
            tokens_not_before: self.tokens_not_before,
        })
    }
}
