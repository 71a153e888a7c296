//! The end of sessions: they are deleted, in batches that one server takes and others pass over.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::store::Result;
use crate::store::due_rows::for_each_due_tenant;

/// Deletes a batch of undecided authorizations that expired before `before`. Their user codes are not issued again until
/// `free_at`. Approved ones that were not confirmed or redeemed count as undecided.
pub async fn delete_undecided(db: &PgPool, before: DateTime<Utc>, free_at: DateTime<Utc>) -> Result<u64> {
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

/// Deletes a batch of decided authorizations that expired before `before`.
pub async fn delete_decided(db: &PgPool, before: DateTime<Utc>) -> Result<u64> {
    for_each_due_tenant!(
        db,
        r#"SELECT tenant_id AS "tenant_id!", min(at) AS "first!", max(at) AS "last!"
           FROM (SELECT tenant_id, expires_at AS at FROM device_authorizations WHERE expires_at < $1 AND state IN ('denied', 'consumed')
                 ORDER BY expires_at LIMIT 1000) AS oldest
           GROUP BY tenant_id"#,
        [before],
        "DELETE FROM device_authorizations WHERE tenant_id = $1 AND id IN (
             SELECT id FROM device_authorizations WHERE tenant_id = $1 AND expires_at BETWEEN $2 AND $3
               AND state IN ('denied', 'consumed')
             ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED)",
        [],
    )
}

/// Deletes a batch of user codes that can be issued again since `before`.
pub async fn release_user_codes(db: &PgPool, before: DateTime<Utc>) -> Result<u64> {
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
