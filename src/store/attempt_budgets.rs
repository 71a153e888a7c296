//! `attempt_budgets`

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};

use super::Result;
use super::due_rows::for_each_due_tenant;
use crate::model::attempt_budget::{Guard, Spending};
use crate::model::ids::TenantId;

/// What the subject has spent, locked until the transaction ends; a row is made when there is none.
pub async fn lock(
    db: &mut PgConnection,
    tenant: TenantId,
    guard: &Guard,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<Spending> {
    let row = sqlx::query!(
        "INSERT INTO attempt_budgets (tenant_id, guard, subject, spent, updated_at) VALUES ($1, $2, $3, 0, $4)
         ON CONFLICT (tenant_id, guard, subject) DO UPDATE SET guard = excluded.guard
         RETURNING spent, updated_at",
        tenant.0,
        guard.name,
        subject,
        now
    )
    .fetch_one(db)
    .await?;
    Ok(Spending { spent: row.spent, updated_at: row.updated_at })
}

/// Writes what the subject has spent.
pub async fn write(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    guard: &Guard,
    subject: &str,
    spending: Spending,
) -> Result<()> {
    sqlx::query!(
        "UPDATE attempt_budgets SET spent = $4, updated_at = $5
         WHERE tenant_id = $1 AND guard = $2 AND subject = $3",
        tenant.0,
        guard.name,
        subject,
        spending.spent,
        spending.updated_at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives one attempt back.
pub async fn give_back(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    guard: &Guard,
    subject: &str,
) -> Result<()> {
    sqlx::query!(
        "UPDATE attempt_budgets SET spent = greatest(spent - 1, 0)
         WHERE tenant_id = $1 AND guard = $2 AND subject = $3",
        tenant.0,
        guard.name,
        subject
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets what the subject has spent.
pub async fn forget(db: impl PgExecutor<'_>, tenant: TenantId, guard: &Guard, subject: &str) -> Result<()> {
    sqlx::query!(
        "DELETE FROM attempt_budgets WHERE tenant_id = $1 AND guard = $2 AND subject = $3",
        tenant.0,
        guard.name,
        subject
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes a batch of budgets that were not used since `before`, when all attempts are restored. Rows of consecutive
/// failures are kept until `rows_before`.
pub async fn delete_untouched(db: &PgPool, before: DateTime<Utc>, rows_before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, updated_at AS at FROM attempt_budgets WHERE updated_at < $1 AND (guard NOT LIKE '%/row' OR updated_at < $2)
                 ORDER BY updated_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before, rows_before],
        "DELETE FROM attempt_budgets WHERE tenant_id = $1 AND (guard, subject) IN (
             SELECT guard, subject FROM attempt_budgets WHERE tenant_id = $1 AND updated_at BETWEEN $2 AND $3
               AND (guard NOT LIKE '%/row' OR updated_at < $4)
             ORDER BY updated_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [rows_before],
    )
}
