//! How transactions begin, so that none is left open on a connection that the pool hands out.
//!
//! Whoever gives a request up may do so in the middle of `BEGIN`. The connection then goes back to the pool in a
//! transaction that nobody knows of, and what is written on it next is never committed (sqlx rolls back only what it has
//! counted as begun). So `BEGIN` runs to its end whatever becomes of its caller. Where it fails all the same, and where
//! PostgreSQL says that a connection is in a failed transaction, the connections that were open then are not used again.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::{PgPool, PgTransaction, SqlSafeStr, Transaction};
use tokio::time::Instant;

/// PostgreSQL's code for a statement in a transaction that has failed before.
pub(super) const IN_FAILED_TRANSACTION: &str = "25P02";

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);
/// When connections were last doubted, in milliseconds since the first use; 0: never.
static DOUBTED: AtomicU64 = AtomicU64::new(0);

/// Begins a transaction with this statement.
///
/// # Errors
/// If there is no connection in time, or the database does not begin it.
pub async fn begin(db: &PgPool, statement: impl SqlSafeStr) -> sqlx::Result<PgTransaction<'static>> {
    let beginning = Transaction::begin(db.acquire().await?, Some(statement.into_sql_str()));
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with one statement, and whoever waits for it sees how"
    )]
    let begun = tokio::spawn(beginning).await.unwrap_or(Err(sqlx::Error::WorkerCrashed));
    if begun.is_err() {
        doubt_connections();
    }
    begun
}

/// Has connections that are open now not used again: one of them may be in a transaction that nobody ends.
pub(super) fn doubt_connections() {
    let now = u64::try_from(STARTED.elapsed().as_millis()).unwrap_or(u64::MAX);
    DOUBTED.fetch_max(now.max(1), Ordering::Relaxed);
}

/// Whether a connection of this age is doubted.
pub(super) fn is_doubted(age: Duration) -> bool {
    match DOUBTED.load(Ordering::Relaxed) {
        0 => false,
        doubted => STARTED.elapsed().saturating_sub(age) <= Duration::from_millis(doubted),
    }
}
