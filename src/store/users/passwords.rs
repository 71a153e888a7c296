//! What sign-in needs to judge a password, and the passwords that failed.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::user_row;
use crate::model::ids::{TenantId, UserId};
use crate::model::user::User;
use crate::store::Result;

/// A user with what sign-in needs to judge a password.
#[derive(Debug)]
pub struct Credentials {
    pub user: User,
    /// The Argon2id PHC string.
    pub password_hash: String,
    /// Wrong passwords and codes in a row.
    pub failures: i32,
    /// The generation of the browsers that the account knows.
    pub browser_generation: i64,
    /// Raised by every change of how the account signs in.
    pub sign_in_version: i64,
    /// Whether a code must follow the password.
    pub has_second_factor: bool,
}

/// The user with this name, whatever its case.
pub async fn credentials(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    username: &str,
) -> Result<Option<Credentials>> {
    let row = sqlx::query!(
        r#"SELECT id, username, display_name, email, email_verified, roles, enabled, locked_at,
                tokens_not_before, password_hash, failed_sign_ins, browser_generation, sign_in_version,
                EXISTS (SELECT FROM totp_secrets f WHERE f.tenant_id = $1 AND f.user_id = users.id
                        AND f.confirmed_at IS NOT NULL) AS "has_second_factor!"
         FROM users WHERE tenant_id = $1 AND lower(username) = lower($2)"#,
        tenant.0,
        username
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(Credentials {
            user: user_row!(row, id).into_user(tenant)?,
            password_hash: row.password_hash,
            failures: row.failed_sign_ins,
            browser_generation: row.browser_generation,
            sign_in_version: row.sign_in_version,
            has_second_factor: row.has_second_factor,
        })
    })
    .transpose()
}

/// Puts another password in place, and forgets wrong ones.
pub async fn set_password(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query!(
        "UPDATE users SET password_hash = $3, failed_sign_ins = 0, updated_at = $4, version = version + 1
         WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        user.0,
        password_hash,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Puts `new` in the place of the password hash `checked`, or leaves it; whether `checked` is still the one that
/// counts. Until the transaction ends, nobody else changes it.
pub async fn renew_password_hash(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    checked: &str,
    new: Option<&str>,
) -> Result<bool> {
    let held = sqlx::query!(
        "UPDATE users SET password_hash = coalesce($4, password_hash) WHERE tenant_id = $1 AND id = $2 AND password_hash = $3", tenant.0,
        user.0,
        checked,
        new
    )
    .execute(db)
    .await?;
    Ok(held.rows_affected() == 1)
}

/// Returns the number of wrong passwords and codes in a row, and locks the account until the transaction ends.
pub async fn failures(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<i32> {
    Ok(sqlx::query_scalar!(
        "SELECT failed_sign_ins FROM users WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        tenant.0,
        user.0
    )
    .fetch_one(db)
    .await?)
}

/// Returns the generation of the browsers that the account knows.
pub async fn browser_generation(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        "SELECT browser_generation FROM users WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        user.0
    )
    .fetch_one(db)
    .await?)
}

/// Begins a new generation: the account no longer knows any browser.
pub async fn begin_browser_generation(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<()> {
    sqlx::query!(
        "UPDATE users SET browser_generation = browser_generation + 1 WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        user.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Begins a new version of how the account signs in, and locks the account until the transaction ends: a sign-in has
/// either gone through before, or will not.
pub async fn begin_sign_in_version(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<()> {
    sqlx::query!(
        "UPDATE users SET sign_in_version = sign_in_version + 1 WHERE tenant_id = $1 AND id = $2",
        tenant.0,
        user.0
    )
    .execute(db)
    .await?;
    Ok(())
}
