//! What the database server counts: statements and rows.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use crate::Fault;

/// How the statements of a request are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// `pg_stat_statements`: every statement.
    Statements,
    /// `pg_stat_database`: transactions. What a request asks of the database is one statement each outside any
    /// transaction, so that both are the same.
    Transactions,
}

/// Counts since the database was made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Statements, or transactions.
    pub(crate) statements: i64,
    /// Rows inserted, updated or deleted.
    pub(crate) rows: i64,
}

impl Counts {
    /// What was added since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { statements: self.statements - before.statements, rows: self.rows - before.rows }
    }

    /// Spread over so many requests.
    pub(crate) fn over(self, requests: usize) -> PerRequest {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let each = |count: i64| count.max(0) as f64 / requests.max(1) as f64;
        PerRequest { statements: each(self.statements), rows: each(self.rows) }
    }
}

/// The same for each request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PerRequest {
    /// Statements.
    pub(crate) statements: f64,
    /// Rows written.
    pub(crate) rows: f64,
}

/// The better method that this server offers. Where `pg_stat_statements` is preloaded, its view is made, if the
/// user may.
pub(crate) async fn method(db: &PgPool) -> Method {
    let _ = sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements").execute(db).await;
    let calls: Result<i64, _> =
        sqlx::query_scalar("SELECT count(*) FROM pg_stat_statements").fetch_one(db).await;
    if calls.is_ok() { Method::Statements } else { Method::Transactions }
}

/// Waits until no server is connected any more, for a backend tells what it has done at its end at the latest,
/// and reads the counts.
pub(crate) async fn read(db: &PgPool, method: Method) -> Result<Counts, Fault> {
    for _ in 0..500 {
        let connected: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'latchkey'",
        )
        .fetch_one(db)
        .await?;
        if connected == 0 {
            return now(db, method).await;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("a server that has stopped is still connected to the database".into())
}

/// Lets the tool's own work be counted now, and not in the middle of what is measured.
pub(crate) async fn settle(connection: &mut PgConnection) {
    // PostgreSQL 14 cannot; there it is counted within a second.
    let _ = sqlx::query("SELECT pg_stat_force_next_flush()").execute(&mut *connection).await;
}

/// What backends have told up to now. One that is at work tells about once a second, one that is idle only after ten.
pub(crate) async fn now(db: &PgPool, method: Method) -> Result<Counts, Fault> {
    let (transactions, rows): (i64, i64) = sqlx::query_as(
        "SELECT xact_commit + xact_rollback, tup_inserted + tup_updated + tup_deleted
         FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(db)
    .await?;
    let statements = match method {
        Method::Transactions => transactions,
        Method::Statements => {
            sqlx::query_scalar(
                "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s
                 JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database()",
            )
            .fetch_one(db)
            .await?
        }
    };
    Ok(Counts { statements, rows })
}
