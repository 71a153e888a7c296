//! `half_sign_ins`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use super::db::Db;
use super::due_rows::for_each_due_tenant;
use super::totp_secrets::StoredTotp;
use super::users::user_row;
use crate::model::bearer_secret::SecretHash;
use crate::model::half_sign_in::HalfSignIn;
use crate::model::ids::{TenantId, UserId};
use crate::model::totp::TimeStep;

/// A sign-in that waits for its code, with what it takes to judge one.
#[derive(Debug)]
pub struct Awaited {
    pub half: HalfSignIn,
    /// Wrong passwords and codes of the account in a row.
    pub failures: i32,
    /// The generation of the browsers that the account knows.
    pub browser_generation: i64,
    /// The key of the person's authenticator app.
    pub totp: Option<StoredTotp>,
}

/// The one of this cookie, if it is not too old, and its user and tenant are in good standing.
pub async fn find_live(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    token: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<Awaited>> {
    let row = sqlx::query!(
        r#"SELECT u.id, u.username, u.display_name, u.email, u.email_verified, u.roles, u.enabled, u.locked_at,
                u.tokens_not_before, u.failed_sign_ins, u.browser_generation, f.secret_sealed AS "secret_sealed?",
                f.confirmed_at IS NOT NULL AS "confirmed!", f.last_used_step
         FROM half_sign_ins h
         JOIN users u ON u.id = h.user_id AND u.tenant_id = h.tenant_id
         JOIN tenants t ON t.id = h.tenant_id AND t.enabled
         LEFT JOIN totp_secrets f ON f.tenant_id = $1 AND f.user_id = u.id
         WHERE h.token_hash = $2 AND h.tenant_id = $1 AND h.expires_at > $3 AND u.enabled AND u.locked_at IS NULL
           AND h.created_at >= coalesce(greatest(t.tokens_not_before, u.tokens_not_before), h.created_at)"#,
        tenant.0,
        &token.0[..],
        now
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(Awaited {
            failures: row.failed_sign_ins,
            browser_generation: row.browser_generation,
            totp: row.secret_sealed.map(|secret_sealed| StoredTotp {
                secret_sealed,
                confirmed: row.confirmed,
                last_used: row.last_used_step.map(TimeStep),
            }),
            half: HalfSignIn { token, user: user_row!(row, id).into_user(tenant)? },
        })
    })
    .transpose()
}

pub async fn end_of_user(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<()> {
    sqlx::query!("DELETE FROM half_sign_ins WHERE tenant_id = $1 AND user_id = $2", tenant.0, user.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Deletes a batch of those that expired before `before`.
pub async fn delete_expired(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, expires_at AS at FROM half_sign_ins WHERE expires_at < $1
                 ORDER BY expires_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM half_sign_ins WHERE tenant_id = $1 AND token_hash IN (
             SELECT token_hash FROM half_sign_ins WHERE tenant_id = $1 AND expires_at BETWEEN $2 AND $3
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
