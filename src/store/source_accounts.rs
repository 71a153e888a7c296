//! `source_accounts`: which accounts had to do with the codes of a source.

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::PgExecutor;

use super::Result;
use super::db::Db;
use super::due_rows::for_each_due_tenant;
use crate::model::ids::{TenantId, UserId};

/// What an account had to do with a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    Opened,
    /// It approved one from far away.
    ApprovedFromFar,
    /// It said that it had not started it.
    Reported,
}

/// What is known of an account that speaks against a source.
#[derive(Clone, Copy, Debug)]
pub struct KnownAccount {
    pub created_at: DateTime<Utc>,
    /// Whether one of its browsers signed in from the network.
    pub is_at_home: bool,
    /// The number of other sources that it spoke against since then.
    pub other_sources: i64,
}

/// What is known of an account, as a witness against a source in this network.
pub async fn known(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    user: UserId,
    (source, network): (IpNet, IpNet),
    since: DateTime<Utc>,
) -> Result<KnownAccount> {
    Ok(sqlx::query_as!(
        KnownAccount,
        r#"SELECT u.created_at,
                  EXISTS (SELECT FROM browser_sessions s
                          WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.ip_address <<= $4) AS "is_at_home!",
                  (SELECT count(*) FROM source_accounts a
                   WHERE a.tenant_id = $1 AND a.user_id = $2 AND a.source <> $3
                     AND greatest(a.approved_far_at, a.reported_at) > $5) AS "other_sources!"
           FROM users u WHERE u.tenant_id = $1 AND u.id = $2"#,
        tenant.0,
        user.0,
        source,
        network,
        since
    )
    .fetch_one(db)
    .await?)
}

/// Notes a contact, and how much it counts against the source, in quarters of an account.
pub async fn note(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    source: IpNet,
    user: UserId,
    (contact, weight): (Contact, i16),
    now: DateTime<Utc>,
) -> Result<()> {
    let far = (contact == Contact::ApprovedFromFar).then_some(now);
    let reported = (contact == Contact::Reported).then_some(now);
    sqlx::query!(
        "INSERT INTO source_accounts AS a (tenant_id, source, user_id, first_seen_at, last_seen_at, approved_far_at,
                                           reported_at, far_weight, report_weight)
         VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $7)
         ON CONFLICT (tenant_id, source, user_id) DO UPDATE
         SET last_seen_at = $4, approved_far_at = coalesce($5, a.approved_far_at),
             reported_at = coalesce($6, a.reported_at),
             far_weight = CASE WHEN $5::timestamptz IS NULL THEN a.far_weight ELSE $7 END,
             report_weight = CASE WHEN $6::timestamptz IS NULL THEN a.report_weight ELSE $7 END",
        tenant.0,
        source,
        user.0,
        now,
        far,
        reported,
        weight
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many accounts speak against a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signs {
    /// New to it since then, and approved from far away.
    pub far_approvals: i64,
    /// Said since then that they had not started it.
    pub reports: i64,
    /// How much the far approvals count, in quarters of an account.
    pub far_weight: i64,
    /// How much the reports count, in quarters of an account.
    pub report_weight: i64,
}

/// What speaks against a source since then.
pub async fn signs(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    source: IpNet,
    since: DateTime<Utc>,
) -> Result<Signs> {
    Ok(sqlx::query_as!(
        Signs,
        r#"SELECT count(*) FILTER (WHERE approved_far_at > $3 AND first_seen_at > $3) AS "far_approvals!",
                  count(*) FILTER (WHERE reported_at > $3) AS "reports!",
                  coalesce(sum(far_weight) FILTER (WHERE approved_far_at > $3 AND first_seen_at > $3), 0)
                      AS "far_weight!",
                  coalesce(sum(report_weight) FILTER (WHERE reported_at > $3), 0) AS "report_weight!"
           FROM source_accounts WHERE tenant_id = $1 AND source = $2"#,
        tenant.0,
        source,
        since
    )
    .fetch_one(db)
    .await?)
}

/// A source that something speaks against.
#[derive(Clone, Debug)]
pub struct SuspectedSource {
    pub source: IpNet,
    /// How many accounts had to do with it.
    pub accounts: i64,
    /// How many approved from far away.
    pub far_approvals: i64,
    /// How many said that they had not started it.
    pub reports: i64,
    /// When it was last heard of.
    pub last_seen_at: DateTime<Utc>,
    /// Until when it is frozen, if it is.
    pub frozen_until: Option<DateTime<Utc>>,
}

/// The frozen sources, and those suspected since then; the worst first, at most a hundred.
pub async fn suspected(
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<SuspectedSource>> {
    Ok(sqlx::query_as!(
        SuspectedSource,
        r#"SELECT coalesce(z.source, s.source) AS "source!", coalesce(s.accounts, 0) AS "accounts!",
                  coalesce(s.far_approvals, 0) AS "far_approvals!", coalesce(s.reports, 0) AS "reports!",
                  coalesce(s.last_seen_at, z.frozen_at) AS "last_seen_at!", z.frozen_until AS "frozen_until?"
           FROM (SELECT source, count(*) AS accounts, count(*) FILTER (WHERE approved_far_at > $2) AS far_approvals,
                        count(*) FILTER (WHERE reported_at > $2) AS reports, max(last_seen_at) AS last_seen_at
                 FROM source_accounts WHERE tenant_id = $1 AND last_seen_at > $2
                 GROUP BY source
                 HAVING count(approved_far_at) > 0 OR count(reported_at) > 0) AS s
           FULL JOIN (SELECT source, frozen_at, frozen_until FROM frozen_sources
                      WHERE tenant_id = $1 AND released_at IS NULL AND frozen_until > $3) AS z USING (source)
           ORDER BY 4 DESC, 3 DESC LIMIT 100"#,
        tenant.0,
        since,
        now
    )
    .fetch_all(db)
    .await?)
}

/// Deletes a batch of those last seen before `before`.
pub async fn delete_old(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, last_seen_at AS at FROM source_accounts WHERE last_seen_at < $1
                 ORDER BY last_seen_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM source_accounts WHERE tenant_id = $1 AND (source, user_id) IN (
             SELECT source, user_id FROM source_accounts WHERE tenant_id = $1 AND last_seen_at BETWEEN $2 AND $3
             ORDER BY last_seen_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
