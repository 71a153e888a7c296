//! `activity`: figures over time. What happened in a minute counts for its hour as well, so that old minutes can go.

pub mod tallies;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgExecutor;

use crate::model::activity::{Figures, beginning};
use crate::model::ids::TenantId;
use crate::store::Result;

/// How finely one looks.
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

/// Adds what happened about `now`. Several servers may do so at once.
pub async fn add(
    db: impl PgExecutor<'_>,
    happened: &[(TenantId, Figures)],
    now: DateTime<Utc>,
) -> Result<()> {
    let tenants: Vec<_> = happened.iter().map(|(tenant, _)| tenant.0).collect();
    let column = |pick: fn(&Figures) -> u64| -> Vec<i64> {
        happened.iter().map(|(_, figures)| i64::try_from(pick(figures)).unwrap_or(i64::MAX)).collect()
    };
    // In one order, so that two servers never wait for each other. A tenant may be gone.
    sqlx::query!(
        "INSERT INTO activity AS kept (tenant_id, minutes, begins_at, starts, approvals, denials, polls, early_polls)
         SELECT t.id, s.minutes, s.begins_at, new.starts, new.approvals, new.denials, new.polls, new.early_polls
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
              AS new (tenant_id, starts, approvals, denials, polls, early_polls)
         JOIN tenants t ON t.id = new.tenant_id
         CROSS JOIN (VALUES (1, $7::timestamptz), (60, $8::timestamptz)) AS s (minutes, begins_at)
         ORDER BY t.id, s.minutes
         ON CONFLICT (tenant_id, minutes, begins_at) DO UPDATE
         SET starts = kept.starts + excluded.starts, approvals = kept.approvals + excluded.approvals,
             denials = kept.denials + excluded.denials, polls = kept.polls + excluded.polls,
             early_polls = kept.early_polls + excluded.early_polls",
        &tenants,
        &column(|figures| figures.starts),
        &column(|figures| figures.approvals),
        &column(|figures| figures.denials),
        &column(|figures| figures.polls),
        &column(|figures| figures.early_polls),
        beginning(now, TimeDelta::minutes(1)),
        beginning(now, TimeDelta::hours(1))
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Adds the codes whose time passed undecided by `until` and which nobody has added yet, each where it expired. What
/// has expired is never decided, so each is counted once, whichever server comes first.
pub async fn add_expiries(db: impl PgExecutor<'_>, until: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "WITH due AS (
             SELECT until FROM expiries_counted WHERE until < $1 FOR UPDATE
         ), counted AS (
             UPDATE expiries_counted SET until = $1 FROM due
         ), expired AS (
             SELECT s.tenant_id, s.expires_at
             FROM due JOIN device_authorizations s ON s.expires_at > due.until AND s.expires_at <= $1
             WHERE s.state = 'pending'
         )
         INSERT INTO activity AS kept (tenant_id, minutes, begins_at, expiries)
         SELECT expired.tenant_id, s.minutes,
                date_bin(make_interval(mins => s.minutes), expired.expires_at, timestamptz '2000-01-01 00:00+00'),
                count(*)
         FROM expired JOIN tenants t ON t.id = expired.tenant_id CROSS JOIN (VALUES (1), (60)) AS s (minutes)
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
         ON CONFLICT (tenant_id, minutes, begins_at) DO UPDATE SET expiries = kept.expiries + excluded.expiries",
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

/// Deletes a batch of what is older than `before`, seen so finely.
pub async fn delete_old(db: impl PgExecutor<'_>, grain: Grain, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM activity WHERE (tenant_id, minutes, begins_at) IN (
             SELECT tenant_id, minutes, begins_at FROM activity WHERE minutes = $1 AND begins_at < $2
             ORDER BY begins_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        grain.minutes(),
        before
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}
