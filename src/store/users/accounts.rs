//! Accounts as administrators see and change them.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

use super::user_row;
use crate::model::ids::{TenantId, UserId};
use crate::model::user::{Role, Standing, User};
use crate::model::version::Version;
use crate::store::db::Db;
use crate::store::{Result, connections};

/// A user as administrators see them.
#[derive(Clone, Debug)]
pub struct Account {
    pub user: User,
    /// Which version of it this is.
    pub version: Version,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

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
    row.map(|row| row.into_account(tenant)).transpose()
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
    row.map(|row| row.into_account(tenant)).transpose()
}

/// Which accounts are looked for; all that is given must fit.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The name, whatever its case.
    pub username: Option<String>,
    /// What is in the name, the display name or the address, whatever the case.
    pub text: Option<String>,
    pub standing: Option<Standing>,
    pub role: Option<Role>,
}

/// A tenant's accounts, newest first, after the one named, no more than `limit`.
pub async fn list(
    db: &Db,
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
    if let Some(text) = &filter.text {
        query.push(" AND strpos(lower(concat_ws(chr(10), username, display_name, email)), lower(");
        query.push_bind(text.clone()).push(")) > 0");
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
    let mut list = connections::begin_list(db).await?;
    let rows: Vec<AccountRow> = query.build_query_as().persistent(false).fetch_all(&mut *list).await?;
    rows.into_iter().map(|row| row.into_account(tenant)).collect()
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
    fn into_account(self, tenant: TenantId) -> Result<Account> {
        let user = user_row!(self, id);
        Ok(Account {
            user: user.into_user(tenant)?,
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}
