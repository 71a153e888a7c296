//! How connections to the database are opened, and what is set on each.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgExecutor, PgPool, PgTransaction, Row};

use super::Result;
use super::hosts::{Hosts, Standing};

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
    pool_on(&Arc::default(), max_connections, acquire_timeout)
}

/// The same on `hosts`: connections from before the last move are not used again.
#[must_use]
pub fn pool_on(hosts: &Arc<Hosts>, max_connections: u32, acquire_timeout: Duration) -> PgPoolOptions {
    let hosts = Arc::clone(hosts);
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(move |connection, used| {
            let standing = hosts.standing(used.age);
            Box::pin(async move {
                Ok(match standing {
                    Standing::Outdated => false,
                    Standing::Doubtful => may_write(connection).await.is_ok_and(|may| may == MayWrite::Yes),
                    Standing::Sound => used.idle_for < TRUSTED || connection.ping().await.is_ok(),
                })
            })
        })
        .after_connect(|connection, _| Box::pin(async move { connection.execute(PLANNING).await.map(drop) }))
}

/// Whether a connection may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayWrite {
    /// It may.
    Yes,
    /// It leads to a standby, or to a server that was made read-only.
    No,
}

/// Asks whether what is written over `db` would be stored.
pub async fn may_write(db: impl PgExecutor<'_>) -> sqlx::Result<MayWrite> {
    let sql = "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool";
    // In one message, as any pooler understands it.
    let may_write: bool = sqlx::raw_sql(sql).fetch_one(db).await?.try_get(0)?;
    Ok(if may_write { MayWrite::Yes } else { MayWrite::No })
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
