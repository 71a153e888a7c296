//! `activity`: figures over time. What happened in a minute counts for its hour as well, so that old minutes can go.

pub mod tallies;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;

use crate::model::activity::{Figures, beginning};
use crate::model::ids::TenantId;
use crate::store::Result;
use crate::store::db::Db;
use crate::store::due_rows::for_each_due_tenant;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// By minutes.
    Minute,
    /// By hours.
    Hour,
}

impl Grain {
    const fn minutes(self) -> i16 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
        }
    }
}

/// Adds what happened in a tenant about `now`. Several instances may do so concurrently. The tenant may be gone.
pub async fn add(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    happened: &Figures,
    now: DateTime<Utc>,
) -> Result<()> {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    // In one order, so that two instances never wait for each other.
    sqlx::query!(
        "INSERT INTO activity AS kept (tenant_id, minutes, begins_at, starts, approvals, denials, polls, early_polls)
         SELECT $1, s.minutes, s.begins_at, $4, $5, $6, $7, $8
         FROM tenants t
         CROSS JOIN (VALUES (1, $2::timestamptz), (60, $3::timestamptz)) AS s (minutes, begins_at)
         WHERE t.id = $1
         ORDER BY s.minutes
         ON CONFLICT (tenant_id, minutes, begins_at) DO UPDATE
         SET starts = kept.starts + excluded.starts, approvals = kept.approvals + excluded.approvals,
             denials = kept.denials + excluded.denials, polls = kept.polls + excluded.polls,
             early_polls = kept.early_polls + excluded.early_polls",
        tenant.0,
        beginning(now, TimeDelta::minutes(1)),
        beginning(now, TimeDelta::hours(1)),
        number(happened.starts),
        number(happened.approvals),
        number(happened.denials),
        number(happened.polls),
        number(happened.early_polls)
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Returns the tenants with codes that expired undecided by `until` and are not counted yet.
pub async fn with_uncounted_expiries(db: impl PgExecutor<'_>, until: DateTime<Utc>) -> Result<Vec<TenantId>> {
    let tenants = sqlx::query_scalar!(
        "SELECT DISTINCT s.tenant_id FROM device_authorizations s
         LEFT JOIN expiries_counted e ON e.tenant_id = s.tenant_id
         WHERE s.state = 'pending' AND s.expires_at <= $1 AND s.expires_at > coalesce(e.until, '-infinity')",
        until
    );
    Ok(tenants.fetch_all(db).await?.into_iter().map(TenantId).collect())
}

/// Adds the codes of a tenant that expired undecided by `until` and are not counted yet, each where it expired. An
/// expired code is never decided, so each is counted once, by whichever instance comes first.
pub async fn add_expiries(db: &Db, tenant: TenantId, until: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO expiries_counted (tenant_id, until) SELECT $1, '-infinity' FROM tenants WHERE id = $1
         ON CONFLICT (tenant_id) DO NOTHING",
        tenant.0
    )
    .execute(db)
    .await?;
    sqlx::query!(
        "WITH due AS (
             SELECT until FROM expiries_counted WHERE tenant_id = $1 AND until < $2 FOR UPDATE
         ), counted AS (
             UPDATE expiries_counted SET until = $2 FROM due WHERE tenant_id = $1
         ), expired AS (
             SELECT s.tenant_id, s.expires_at
             FROM due JOIN device_authorizations s ON s.expires_at > due.until AND s.expires_at <= $2
             WHERE s.tenant_id = $1 AND s.state = 'pending'
         )
         INSERT INTO activity AS kept (tenant_id, minutes, begins_at, expiries)
         SELECT expired.tenant_id, s.minutes,
                date_bin(make_interval(mins => s.minutes), expired.expires_at, timestamptz '2000-01-01 00:00+00'),
                count(*)
         FROM expired CROSS JOIN (VALUES (1), (60)) AS s (minutes)
         GROUP BY 1, 2, 3 ORDER BY 2, 3
         ON CONFLICT (tenant_id, minutes, begins_at) DO UPDATE SET expiries = kept.expiries + excluded.expiries",
        tenant.0,
        until
    )
    .execute(db)
    .await?;
    Ok(())
}

/// What happened at a tenant from an instant on, the oldest first.
pub async fn since(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    grain: Grain,
    from: DateTime<Utc>,
) -> Result<Vec<(DateTime<Utc>, Figures)>> {
    let rows = sqlx::query!(
        "SELECT begins_at, starts, approvals, denials, expiries, polls, early_polls FROM activity
         WHERE tenant_id = $1 AND minutes = $2 AND begins_at >= $3 ORDER BY begins_at",
        tenant.0,
        grain.minutes(),
        from
    )
    .fetch_all(db)
    .await?;
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    Ok(rows
        .into_iter()
        .map(|row| {
            let figures = Figures {
                starts: count(row.starts),
                approvals: count(row.approvals),
                denials: count(row.denials),
                expiries: count(row.expiries),
                polls: count(row.polls),
                early_polls: count(row.early_polls),
            };
            (row.begins_at, figures)
        })
        .collect())
}

/// Deletes a batch of figures of this grain older than `before`.
pub async fn delete_old(db: &Db, grain: Grain, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, begins_at AS at FROM activity WHERE minutes = $2 AND begins_at < $1
                 ORDER BY begins_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before, grain.minutes()],
        "DELETE FROM activity WHERE tenant_id = $1 AND (minutes, begins_at) IN (
             SELECT minutes, begins_at FROM activity WHERE tenant_id = $1 AND begins_at BETWEEN $2 AND $3 AND minutes = $4
             ORDER BY begins_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [grain.minutes()],
    )
}
