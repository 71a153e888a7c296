//! `totp_secrets`

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::model::ids::{TenantId, UserId};
use crate::model::totp::TimeStep;

/// The key of a person's authenticator app, as it is stored.
#[derive(Debug)]
pub struct StoredTotp {
    /// The key, sealed.
    pub secret_sealed: Vec<u8>,
    /// Whether a right code has proved that the app has it. Before that it is no second factor.
    pub confirmed: bool,
    /// The step of the last code that was taken.
    pub last_used: Option<TimeStep>,
}

pub async fn find(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<Option<StoredTotp>> {
    let row = sqlx::query!(
        r#"SELECT secret_sealed, confirmed_at IS NOT NULL AS "confirmed!", last_used_step
           FROM totp_secrets WHERE tenant_id = $1 AND user_id = $2"#,
        tenant.0,
        user.0
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| StoredTotp {
        secret_sealed: row.secret_sealed,
        confirmed: row.confirmed,
        last_used: row.last_used_step.map(TimeStep),
    }))
}

/// Keeps a key that waits for its first right code, in place of another that waits; whether there was none that
/// counts already.
pub async fn propose(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    secret_sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<bool> {
    let kept = sqlx::query!(
        "INSERT INTO totp_secrets AS kept (tenant_id, user_id, secret_sealed, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, user_id)
         DO UPDATE SET secret_sealed = excluded.secret_sealed, created_at = excluded.created_at
         WHERE kept.confirmed_at IS NULL",
        tenant.0,
        user.0,
        secret_sealed,
        now
    )
    .execute(db)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// Lets the key count from now on, whose code of `step` was right; whether it still waited for that.
pub async fn confirm(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    secret_sealed: &[u8],
    step: TimeStep,
    now: DateTime<Utc>,
) -> Result<bool> {
    let confirmed = sqlx::query!(
        "UPDATE totp_secrets SET confirmed_at = $5, last_used_step = $4
         WHERE tenant_id = $1 AND user_id = $2 AND secret_sealed = $3 AND confirmed_at IS NULL",
        tenant.0,
        user.0,
        secret_sealed,
        step.0,
        now
    )
    .execute(db)
    .await?;
    Ok(confirmed.rows_affected() == 1)
}

/// Takes the code of `step`: whether neither it nor a later one was taken before, whoever asks at the same moment.
pub async fn spend(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    secret_sealed: &[u8],
    step: TimeStep,
) -> Result<bool> {
    let spent = sqlx::query!(
        "UPDATE totp_secrets SET last_used_step = $4
         WHERE tenant_id = $1 AND user_id = $2 AND secret_sealed = $3 AND confirmed_at IS NOT NULL
           AND (last_used_step IS NULL OR last_used_step < $4)",
        tenant.0,
        user.0,
        secret_sealed,
        step.0
    )
    .execute(db)
    .await?;
    Ok(spent.rows_affected() == 1)
}

/// Forgets a person's key; whether there was one.
pub async fn delete(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<bool> {
    let gone =
        sqlx::query!("DELETE FROM totp_secrets WHERE tenant_id = $1 AND user_id = $2", tenant.0, user.0)
            .execute(db)
            .await?;
    Ok(gone.rows_affected() == 1)
}
