//! `users`

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

use super::Result;
use crate::model::ids::{TenantId, UserId};
use crate::model::user::{Role, Standing, User};
use crate::model::version::Version;

/// A user with what sign-in needs to judge a password.
#[derive(Debug)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// The Argon2id PHC string.
    pub password_hash: String,
}

/// The user with this name, whatever its case.
pub async fn credentials(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    username: &str,
) -> Result<Option<Credentials>> {
    let row = sqlx::query!(
        "SELECT id, username, display_name, email, email_verified, roles, enabled, locked_at,
                tokens_not_before, password_hash
         FROM users WHERE tenant_id = $1 AND lower(username) = lower($2)",
        tenant.0,
        username
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Credentials {
        user: UserRow {
            id: row.id,
            username: row.username,
            display_name: row.display_name,
            email: row.email,
            email_verified: row.email_verified,
            roles: row.roles,
            enabled: row.enabled,
            locked_at: row.locked_at,
            tokens_not_before: row.tokens_not_before,
        }
        .into_user(tenant),
        password_hash: row.password_hash,
    }))
}

/// The user with this identifier.
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
    Ok(row.map(|row| row.into_user(tenant)))
}

/// What these users are called.
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

/// Adds a user.
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
    db: impl PgExecutor<'_>,
    user: UserId,
    standing: Standing,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE users SET enabled = $2, locked_at = CASE WHEN $3 THEN $4::timestamptz END,
                          tokens_not_before = CASE WHEN enabled OR NOT $2 THEN tokens_not_before
                                              ELSE greatest(tokens_not_before, $4) END,
                          failed_sign_ins = 0, updated_at = $4, version = version + 1
         WHERE id = $1",
        user.0,
        standing != Standing::Disabled,
        standing == Standing::Locked,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A user as administrators see them.
#[derive(Clone, Debug)]
pub struct Account {
    /// The account.
    pub user: User,
    /// Which version of it this is.
    pub version: Version,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The account with this identifier.
pub async fn account(db: impl PgExecutor<'_>, tenant: TenantId, id: UserId) -> Result<Option<Account>> {
    let row = sqlx::query_as!(
        AccountRow,
        "SELECT id, username, display_name, email, email_verified, roles, enabled, locked_at,
                tokens_not_before, version, created_at, updated_at
         FROM users WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| row.into_account(tenant)))
}

/// The account with this identifier, locked until the transaction ends.
pub async fn lock(db: impl PgExecutor<'_>, tenant: TenantId, id: UserId) -> Result<Option<Account>> {
    let row = sqlx::query_as!(
        AccountRow,
        "SELECT id, username, display_name, email, email_verified, roles, enabled, locked_at,
                tokens_not_before, version, created_at, updated_at
         FROM users WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        tenant.0,
        id.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| row.into_account(tenant)))
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
pub async fn update(db: impl PgExecutor<'_>, user: &User, now: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "UPDATE users SET display_name = $2, email = $3, email_verified = $4, roles = $5, updated_at = $6,
                          version = version + 1
         WHERE id = $1",
        user.id.0,
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

/// Puts another password in place, and forgets wrong ones.
pub async fn set_password(
    db: impl PgExecutor<'_>,
    user: UserId,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE users SET password_hash = $2, failed_sign_ins = 0, updated_at = $3, version = version + 1
         WHERE id = $1",
        user.0,
        password_hash,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Which accounts are looked for; all that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The name, whatever its case.
    pub username: Option<String>,
    /// Whether they may be used.
    pub standing: Option<Standing>,
    /// Who has this role.
    pub role: Option<Role>,
}

/// A tenant's accounts, newest first, after the one named, no more than `limit`.
pub async fn list(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    filter: &Filter,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<Account>> {
    let mut query = QueryBuilder::<Postgres>::new(
        "SELECT id, username, display_name, email, email_verified, roles, enabled, locked_at, tokens_not_before,
                version, created_at, updated_at
         FROM users WHERE tenant_id = ",
    );
    query.push_bind(tenant.0);
    if let Some(username) = &filter.username {
        query.push(" AND lower(username) = lower(").push_bind(username.clone()).push(")");
    }
    match filter.standing {
        None => {}
        Some(Standing::Good) => {
            query.push(" AND enabled AND locked_at IS NULL");
        }
        Some(Standing::Locked) => {
            query.push(" AND enabled AND locked_at IS NOT NULL");
        }
        Some(Standing::Disabled) => {
            query.push(" AND NOT enabled");
        }
    }
    if let Some(role) = &filter.role {
        query.push(" AND ").push_bind(role.to_string()).push(" = ANY (roles)");
    }
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after.0);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    let rows: Vec<AccountRow> = query.build_query_as().persistent(false).fetch_all(db).await?;
    Ok(rows.into_iter().map(|row| row.into_account(tenant)).collect())
}

/// Removes a user with everything that is theirs.
pub async fn delete(db: impl PgExecutor<'_>, user: UserId) -> Result<()> {
    sqlx::query!("DELETE FROM users WHERE id = $1", user.0).execute(db).await?;
    Ok(())
}

/// Lets nothing count that was issued in the user's name before `instant`; the instant that is in force now.
pub async fn raise_tokens_not_before(
    db: impl PgExecutor<'_>,
    user: UserId,
    instant: DateTime<Utc>,
) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar!(
        r#"UPDATE users SET tokens_not_before = greatest(tokens_not_before, $2) WHERE id = $1
           RETURNING tokens_not_before AS "in_force!""#,
        user.0,
        instant
    )
    .fetch_one(db)
    .await?)
}

/// Counts a wrong password or code; how many there were in a row.
pub async fn count_failure(db: impl PgExecutor<'_>, user: UserId) -> Result<i32> {
    Ok(sqlx::query_scalar!(
        "UPDATE users SET failed_sign_ins = failed_sign_ins + 1 WHERE id = $1 RETURNING failed_sign_ins",
        user.0
    )
    .fetch_one(db)
    .await?)
}

/// Puts `new` in the place of the password hash `checked`, or leaves it; whether `checked` is still the one that
/// counts. Until the transaction ends, nobody else changes it.
pub async fn renew_password_hash(
    db: impl PgExecutor<'_>,
    user: UserId,
    checked: &str,
    new: Option<&str>,
) -> Result<bool> {
    let held = sqlx::query!(
        "UPDATE users SET password_hash = coalesce($3, password_hash) WHERE id = $1 AND password_hash = $2",
        user.0,
        checked,
        new
    )
    .execute(db)
    .await?;
    Ok(held.rows_affected() == 1)
}

/// Forgets what was wrong before, after a whole sign-in.
pub async fn forget_failures(db: impl PgExecutor<'_>, user: UserId) -> Result<()> {
    sqlx::query!("UPDATE users SET failed_sign_ins = 0 WHERE id = $1 AND failed_sign_ins > 0", user.0)
        .execute(db)
        .await?;
    Ok(())
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

impl UserRow {
    pub(super) fn into_user(self, tenant_id: TenantId) -> User {
        User {
            id: UserId(self.id),
            tenant_id,
            username: self.username,
            display_name: self.display_name,
            email: self.email,
            email_verified: self.email_verified,
            roles: self.roles.iter().filter_map(|role| role.parse().ok()).collect(),
            standing: match (self.enabled, self.locked_at) {
                (false, _) => Standing::Disabled,
                (true, Some(_)) => Standing::Locked,
                (true, None) => Standing::Good,
            },
            tokens_not_before: self.tokens_not_before,
        }
    }
}

/// The columns of an [`Account`].
#[derive(FromRow)]
struct AccountRow {
    id: Uuid,
    username: String,
    display_name: Option<String>,
    email: Option<String>,
    email_verified: bool,
    roles: Vec<String>,
    enabled: bool,
    locked_at: Option<DateTime<Utc>>,
    tokens_not_before: Option<DateTime<Utc>>,
    version: Version,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl AccountRow {
    fn into_account(self, tenant: TenantId) -> Account {
        let user = UserRow {
            id: self.id,
            username: self.username,
            display_name: self.display_name,
            email: self.email,
            email_verified: self.email_verified,
            roles: self.roles,
            enabled: self.enabled,
            locked_at: self.locked_at,
            tokens_not_before: self.tokens_not_before,
        };
        Account {
            user: user.into_user(tenant),
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
