//! How many bytes of write-ahead log an operation costs, whatever else the cluster does meanwhile.

use sqlx::PgPool;

use super::until;

/// Where the log of a cluster is now, for one database of it.
pub struct LogBytes {
    db: PgPool,
    since: String,
}

impl LogBytes {
    /// Counts from now on.
    pub async fn from_now(db: &PgPool) -> Self {
        let extension = "CREATE EXTENSION IF NOT EXISTS pg_walinspect";
        sqlx::query(extension).execute(db).await.expect("PostgreSQL 15's pg_walinspect can be had");
        Self { db: db.clone(), since: end_of_log(db).await }
    }

    /// The bytes that transactions which touched this database have written since then, by what they are, without images
    /// of whole pages.
    pub async fn count(&self) -> Vec<(String, i64)> {
        let end = end_of_log(&self.db).await;
        until("the log is written", async || {
            let written = "SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn";
            sqlx::query_scalar(written).bind(&end).fetch_one(&self.db).await.expect("the database answers")
        })
        .await;
        sqlx::query_as(
            "WITH records AS (
                 SELECT xid::text AS xid, (record_length - fpi_length)::bigint AS bytes, block_ref,
                        resource_manager || ' ' || record_type AS kind,
                        (regexp_match(block_ref, 'rel [0-9]+/([0-9]+)/([0-9]+)'))[1]::oid AS database,
                        (regexp_match(block_ref, 'rel [0-9]+/([0-9]+)/([0-9]+)'))[2]::oid AS file
                 FROM pg_get_wal_records_info($1::text::pg_lsn, $2::text::pg_lsn)
             )
             SELECT kind || coalesce(' ' || c.relname, ''), sum(bytes)::bigint
             FROM records r
             LEFT JOIN pg_class c ON c.relfilenode = r.file
                AND r.database = (SELECT oid FROM pg_database WHERE datname = current_database())
             WHERE xid <> '0' AND xid IN (
                 SELECT o.xid FROM records o
                 WHERE o.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
             GROUP BY 1 ORDER BY 2 DESC",
        )
        .bind(&self.since)
        .bind(end)
        .fetch_all(&self.db)
        .await
        .expect("the log can be read")
    }
}

async fn end_of_log(db: &PgPool) -> String {
    // Something is written, so that there is always a record to begin or end with.
    sqlx::query_scalar("SELECT pg_logical_emit_message(true, 'here', '')::text")
        .fetch_one(db)
        .await
        .expect("the log has an end")
}
