//! How connections to the database are opened, and what is set on each.

use std::time::Duration;

use futures_util::future::join_all;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgPool, PgTransaction};
use tokio::time::{Instant, sleep, timeout};

use super::Result;

/// A connection plans each statement once: planning costs more than running it, and for a batch of one PostgreSQL would
/// do it anew each time. The plan is kept until the next `ANALYZE`. One that reads a table from end to end was right when
/// the table held forty rows, and still runs when it holds forty thousand: so none is made where there is an index to go
/// by. Where there is none, the table is read all the same, at a price on paper for which PostgreSQL would compile the
/// statement first.
const PLANNING: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";

/// Has what comes in a transaction planned each time for the values at hand, as whatever filters must be: what is rare
/// is found by its index, what is common by time.
pub(super) const PLAN_EACH_TIME: &str = "SET LOCAL plan_cache_mode = force_custom_plan";

/// How long an idle connection is taken to live without asking. A database that was restarted in a quiet hour is not
/// noticed by whoever comes next; under load nobody asks.
const TRUSTED: Duration = Duration::from_secs(1);

/// A pool of at most so many connections; whoever finds none free waits so long.
#[must_use]
pub fn pool(max_connections: u32, acquire_timeout: Duration) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, used| {
            Box::pin(async move { Ok(used.idle_for < TRUSTED || connection.ping().await.is_ok()) })
        })
        .after_connect(|connection, _| Box::pin(async move { connection.execute(PLANNING).await.map(drop) }))
}

/// How long one attempt to connect may take.
const ATTEMPT: Duration = Duration::from_secs(5);

/// Pause between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(200);

/// Connects once and disconnects, so that what is wrong is known: a pool says no more than that it timed out. A server
/// that is not there yet is tried again for as long as `patience`.
pub async fn probe(options: &PgConnectOptions, patience: Duration) -> sqlx::Result<()> {
    let deadline = Instant::now() + patience;
    loop {
        let error = match timeout(ATTEMPT, options.connect()).await {
            Ok(Ok(connection)) => return connection.close().await,
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
        };
        if !matches!(error, sqlx::Error::Io(_)) || Instant::now() >= deadline {
            return Err(error);
        }
        sleep(PAUSE).await;
    }
}

/// Opens as many connections as the pool may have, so that nobody waits for them once everybody comes. The pool closes
/// those that are not used. If the database gives fewer, the pool does with fewer.
pub async fn open_all(db: &PgPool) {
    let connections = join_all((0..db.options().get_max_connections()).map(|_| db.acquire())).await;
    let refused = connections.iter().filter(|connection| connection.is_err()).count();
    if let Some(Err(error)) = connections.into_iter().find(Result::is_err) {
        tracing::warn!(refused, %error, "fewer connections available than database.max_connections");
    }
}

/// Begins a transaction for a list, with [`PLAN_EACH_TIME`].
pub(super) async fn begin_list(db: &PgPool) -> Result<PgTransaction<'static>> {
    Ok(db.begin_with(AssertSqlSafe(format!("BEGIN; {PLAN_EACH_TIME}"))).await?)
}
