//! `recovery_codes`

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Result;
use crate::model::ids::{TenantId, UserId};

/// Gives a person these codes, in place of all they had.
pub async fn replace(
    db: &mut PgConnection,
    tenant: TenantId,
    user: UserId,
    macs: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<()> {
    delete(&mut *db, tenant, user).await?;
    sqlx::query!(
        "INSERT INTO recovery_codes (tenant_id, user_id, code_mac, created_at)
         SELECT $1, $2, mac, $4 FROM unnest($3::bytea[]) AS mac",
        tenant.0,
        user.0,
        macs,
        now
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a code; whether it was one that was not taken before, whoever asks at the same moment.
pub async fn spend(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId, mac: [u8; 32]) -> Result<bool> {
    let spent = sqlx::query!(
        "DELETE FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2 AND code_mac = $3",
        tenant.0,
        user.0,
        &mac[..]
    )
    .execute(db)
    .await?;
    Ok(spent.rows_affected() == 1)
}

/// How many a person has left.
pub async fn count(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2"#,
        tenant.0,
        user.0
    )
    .fetch_one(db)
    .await?)
}

/// Forgets all codes of a person.
pub async fn delete(db: impl PgExecutor<'_>, tenant: TenantId, user: UserId) -> Result<()> {
    sqlx::query!("DELETE FROM recovery_codes WHERE tenant_id = $1 AND user_id = $2", tenant.0, user.0)
        .execute(db)
        .await?;
    Ok(())
}
