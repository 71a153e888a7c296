//! The end of sessions: they are deleted, in batches that one server takes and others pass over.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use crate::model::ids::TenantId;
use crate::random::first_uuid_v7_at;
use crate::store::Result;
use crate::store::db::Db;
use crate::store::due_rows::for_each_due_tenant;

/// Deletes a batch of undecided authorizations that expired before `before`. Their user codes are not issued again until
/// `free_at`. Approved ones that were not confirmed or redeemed count as undecided.
pub async fn delete_undecided(db: &Db, before: DateTime<Utc>, free_at: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, expires_at AS at FROM device_authorizations WHERE expires_at < $1 AND state IN ('pending', 'confirming', 'approved')
                 ORDER BY expires_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "WITH gone AS (
             DELETE FROM device_authorizations WHERE tenant_id = $1 AND id IN (
                 SELECT id FROM device_authorizations WHERE tenant_id = $1 AND expires_at BETWEEN $2 AND $3
                   AND state IN ('pending', 'confirming', 'approved')
                 ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)
             RETURNING user_code_mac
         )
         INSERT INTO spent_user_codes (tenant_id, user_code_mac, free_at)
         SELECT $1, user_code_mac, $4 FROM gone
         ON CONFLICT (tenant_id, user_code_mac) DO UPDATE SET free_at = excluded.free_at",
        [free_at],
    )
}

/// The tenants that have decided authorizations that expired before `before`. What expired earlier was started earlier
/// as well, so they are among the first by ID.
pub async fn tenants_with_decided(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<Vec<TenantId>> {
    let tenants = sqlx::query_scalar!(
        "SELECT t.id FROM tenants t
         WHERE (SELECT true FROM device_authorizations s
                WHERE s.tenant_id = t.id AND s.id < $2 AND s.expires_at < $1 AND s.state IN ('denied', 'consumed')
                ORDER BY s.id LIMIT 1)",
        before,
        first_uuid_v7_at(before)
    )
    .fetch_all(db)
    .await?;
    Ok(tenants.into_iter().map(TenantId).collect())
}

/// Deletes a batch of a tenant's decided authorizations that expired before `before`.
pub async fn delete_decided(db: impl PgExecutor<'_>, tenant: TenantId, before: DateTime<Utc>) -> Result<u64> {
    let gone = sqlx::query!(
        "DELETE FROM device_authorizations WHERE tenant_id = $1 AND id IN (
             SELECT id FROM device_authorizations
             WHERE tenant_id = $1 AND id < $3 AND expires_at < $2 AND state IN ('denied', 'consumed')
             ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        tenant.0,
        before,
        first_uuid_v7_at(before)
    )
    .execute(db)
    .await?;
    Ok(gone.rows_affected())
}

/// Deletes a batch of user codes that can be issued again since `before`.
pub async fn release_user_codes(db: &Db, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, free_at AS at FROM spent_user_codes WHERE free_at <= $1
                 ORDER BY free_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM spent_user_codes WHERE tenant_id = $1 AND user_code_mac IN (
             SELECT user_code_mac FROM spent_user_codes WHERE tenant_id = $1 AND free_at BETWEEN $2 AND $3
             ORDER BY free_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}
