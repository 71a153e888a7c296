//! `frozen_sources`: sources of codes that get no new ones.

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use sqlx::{PgConnection, PgExecutor};

use super::Result;
use super::announcements::{Announcement, announce};
use super::db::Db;
use super::due_rows::for_each_due_tenant;
use super::source_accounts::Signs;
use crate::model::ids::TenantId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrozenSource {
    pub source: IpNet,
    pub until: DateTime<Utc>,
}

/// The frozen sources of a tenant, as stored; some may have thawed.
pub async fn all(db: impl PgExecutor<'_>, tenant: TenantId) -> Result<Vec<FrozenSource>> {
    Ok(sqlx::query_as!(
        FrozenSource,
        "SELECT source, frozen_until AS until FROM frozen_sources WHERE tenant_id = $1 AND released_at IS NULL",
        tenant.0
    )
    .fetch_all(db)
    .await?)
}

/// Freezes a source. Whether it was not frozen before.
pub async fn freeze(
    db: &mut PgConnection,
    tenant: TenantId,
    frozen: FrozenSource,
    reason: &str,
    signs: Signs,
    now: DateTime<Utc>,
) -> Result<bool> {
    let count = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    let frozen = sqlx::query!(
        "INSERT INTO frozen_sources AS z (tenant_id, source, reason, frozen_at, frozen_until, far_approvals, reports)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (tenant_id, source) DO UPDATE
         SET reason = $3, frozen_at = $4, frozen_until = $5, released_at = NULL, far_approvals = $6, reports = $7
         WHERE z.released_at IS NOT NULL OR z.frozen_until <= $4",
        tenant.0,
        frozen.source,
        reason,
        now,
        frozen.until,
        count(signs.far_approvals),
        count(signs.reports)
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(frozen.rows_affected() == 1)
}

/// Lets a source go on. Whether it was frozen.
pub async fn release(
    db: &mut PgConnection,
    tenant: TenantId,
    source: IpNet,
    now: DateTime<Utc>,
) -> Result<bool> {
    let released = sqlx::query!(
        "UPDATE frozen_sources SET released_at = $3
         WHERE tenant_id = $1 AND source = $2 AND released_at IS NULL AND frozen_until > $3",
        tenant.0,
        source,
        now
    )
    .execute(&mut *db)
    .await?;
    announce(db, Announcement::DirectoryChanged).await?;
    Ok(released.rows_affected() == 1)
}

/// Deletes a batch of those that thawed, or were released, before `before`.
pub async fn delete_old(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, least(released_at, frozen_until) AS at FROM frozen_sources WHERE least(released_at, frozen_until) < $1
                 ORDER BY least(released_at, frozen_until) LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM frozen_sources WHERE tenant_id = $1 AND source IN (
             SELECT source FROM frozen_sources WHERE tenant_id = $1 AND least(released_at, frozen_until) BETWEEN $2 AND $3
             ORDER BY least(released_at, frozen_until) LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
