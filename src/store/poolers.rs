//! Connection poolers in front of the database, such as PgBouncer. One that pools by transaction gives each transaction
//! another of its own connections, and must track on which of them a statement was prepared. PgBouncer does so since
//! version 1.21, with `max_prepared_statements` above zero.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};
use tokio::time::timeout;

/// The pooler between this program and the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooler {
    /// None that pools by transaction, as far as can be detected.
    None,
    KeepsStatements,
    LosesStatements,
}

/// How long an answer may take. A pooler with a single connection has none left for the question.
const PATIENCE: Duration = Duration::from_secs(1);
const PID: &str = "SELECT pg_backend_pid()";
/// `invalid_sql_statement_name` and `duplicate_prepared_statement`.
const LOST: [&str; 2] = ["26000", "42P05"];

/// Detects the pooler. Two connections that get the same connection of the database are pooled. While the second holds
/// it, the first repeats a statement that it has prepared there.
pub async fn find_out(options: &PgConnectOptions) -> Pooler {
    timeout(PATIENCE, ask(options)).await.ok().and_then(Result::ok).unwrap_or(Pooler::None)
}

async fn ask(options: &PgConnectOptions) -> sqlx::Result<Pooler> {
    let (mut first, mut second) = (options.connect().await?, options.connect().await?);
    let prepared: sqlx::Result<i32> = sqlx::query_scalar(PID).fetch_one(&mut first).await;
    let prepared = match prepared {
        Err(error) if is_lost(&error) => return Ok(Pooler::LosesStatements),
        other => other?,
    };
    let mut transaction = second.begin().await?;
    let kept: i32 = sqlx::raw_sql(PID).fetch_one(&mut *transaction).await?.try_get(0)?;
    if kept != prepared {
        return Ok(Pooler::None);
    }
    let again: sqlx::Result<i32> = sqlx::query_scalar(PID).fetch_one(&mut first).await;
    match again {
        Err(error) if is_lost(&error) => Ok(Pooler::LosesStatements),
        other => other.map(|_| Pooler::KeepsStatements),
    }
}

fn is_lost(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| LOST.contains(&&*code))
}
