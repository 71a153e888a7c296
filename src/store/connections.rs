//! How connections to the database are opened, and what is set on each.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgExecutor, Row};
use tokio::time::timeout;

use super::db::Db;
use super::hosts::{Hosts, Standing};
use super::transactions::Transaction;
use super::{Result, StoreError, transactions};
use crate::model::database_limits::Limits;

/// A connection plans each statement once: planning costs more than running it, and for a batch of one PostgreSQL would
/// plan it again each time. The plan is kept until the next `ANALYZE`. A plan that reads a whole table was right when
/// the table had forty rows, and still runs when it has forty thousand: so none is used where an index exists. Without
/// an index, the table is read anyway, at an estimated cost that would trigger JIT.
const PLANNING: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";

/// Has what comes in a transaction planned each time for the values at hand, as whatever filters must be: what is rare
/// is found by its index, what is common by time.
pub(super) const PLAN_EACH_TIME: &str = "SET LOCAL plan_cache_mode = force_custom_plan";

/// Makes PostgreSQL notice on its own that the other end of a connection is gone: within about twenty seconds while
/// nothing is sent, and within ten while something is.
const PEERS: &str =
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3;
                     SET tcp_user_timeout = 10000";

/// Makes PostgreSQL check whether the client that waits for a statement is still there, so that a statement that was
/// given up releases its rows. Not every operating system supports it.
const LOOK_FOR_CLIENT: &str = "SET client_connection_check_interval = 1000";

/// How long an idle connection is trusted without a check. So no request notices that the database was restarted in a
/// quiet hour, and under load no checks are made.
const TRUSTED: Duration = Duration::from_secs(1);

/// The longest a connection may take to answer a check. If it fails, there must be time left for another connection, so
/// it is at most half of the time to wait for one.
const LONGEST_PING: Duration = Duration::from_secs(3);

/// Returns a pool with these limits; if no connection is free, callers wait for `acquire_timeout`. A connection whose
/// statement or transaction was given up is rolled back before it is used again, or closed if that takes too long: its
/// network may have died silently.
#[must_use]
pub fn pool(max_connections: u32, acquire_timeout: Duration, limits: Limits) -> PgPoolOptions {
    pool_on(&Arc::default(), max_connections, acquire_timeout, limits)
}

/// The same on `hosts`: connections from before the last move are not used again.
#[must_use]
pub fn pool_on(
    hosts: &Arc<Hosts>,
    max_connections: u32,
    acquire_timeout: Duration,
    limits: Limits,
) -> PgPoolOptions {
    let hosts = Arc::clone(hosts);
    let longest_ping = (acquire_timeout / 2).min(LONGEST_PING);
    let settings = format!("{PLANNING}; {PEERS}; {}", in_words(limits));
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(move |connection, used| {
            let standing = hosts.standing(used.age, used.idle_for);
            Box::pin(async move {
                let may = async {
                    match standing {
                        Standing::Outdated => Ok(false),
                        Standing::Doubtful => Ok(may_write(connection).await? == MayWrite::Yes),
                        Standing::Sound if used.idle_for < TRUSTED => Ok(true),
                        Standing::Sound => connection.ping().await.map(|()| true),
                    }
                };
                Ok(in_time(longest_ping, may).await.unwrap_or(false))
            })
        })
        .after_release(move |connection, _| {
            // Returns at once where nothing is owed.
            Box::pin(async move { in_time(longest_ping, connection.flush()).await.map(|()| true) })
        })
        .after_connect(move |connection, _| {
            let settings = AssertSqlSafe(settings.clone());
            Box::pin(async move {
                connection.execute(settings).await?;
                let _ = connection.execute(LOOK_FOR_CLIENT).await;
                Ok(())
            })
        })
}

/// The longest that background work waits for a statement: over a network that has died silently nothing ever comes
/// back. No statement of this kind takes nearly as long.
const LONGEST_WORK: Duration = Duration::from_secs(15);

/// Does background work in the database, or gives it up.
///
/// # Errors
/// Those of `work`; [`StoreError::TookTooLong`] after fifteen seconds. It may have been done all the same.
pub async fn unattended<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(LONGEST_WORK, work).await.unwrap_or(Err(StoreError::TookTooLong))
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
}

/// The limits, as settings of a session.
fn in_words(limits: Limits) -> String {
    let Limits { idle_in_transaction, lock, statement } = limits;
    format!(
        "SET idle_in_transaction_session_timeout = {}; SET lock_timeout = {}; SET statement_timeout = {}",
        idle_in_transaction.as_millis(),
        lock.as_millis(),
        statement.as_millis()
    )
}

/// A limit that the database does not keep for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unkept {
    pub name: &'static str,
    pub asked: Duration,
    /// What it is for the database user; zero means none.
    pub is: Duration,
}

/// The limits that do not hold, where each statement may go over another connection of a pooler (`PgBouncer` in
/// transaction mode): a session's settings are not kept there, so they must be the database user's own.
pub async fn unkept_limits(db: &Db, limits: Limits) -> Result<Vec<Unkept>> {
    if keeps_sessions(db).await? { Ok(Vec::new()) } else { limits_over_own(db, limits).await }
}

/// Whether each of our connections is one of the database's, and no other's.
async fn keeps_sessions(db: &Db) -> Result<bool> {
    let (mut first, mut second) = (db.acquire().await?, db.acquire().await?);
    let pid = "SELECT pg_backend_pid()";
    let before: i32 = sqlx::query_scalar(pid).fetch_one(&mut *first).await?;
    let other: i32 = sqlx::query_scalar(pid).fetch_one(&mut *second).await?;
    let after: i32 = sqlx::query_scalar(pid).fetch_one(&mut *first).await?;
    Ok(before == after && before != other)
}

/// The limits that are longer, or none, for the database user, whatever a session sets.
pub async fn limits_over_own(db: &Db, limits: Limits) -> Result<Vec<Unkept>> {
    let Limits { idle_in_transaction, lock, statement } = limits;
    let mut unkept = Vec::new();
    for (name, asked) in [
        ("idle_in_transaction_session_timeout", idle_in_transaction),
        ("lock_timeout", lock),
        ("statement_timeout", statement),
    ] {
        let sql = "SELECT reset_val::bigint FROM pg_settings WHERE name = $1";
        let millis: i64 = sqlx::query_scalar(sql).bind(name).fetch_one(db).await?;
        let is = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
        if !asked.is_zero() && (is.is_zero() || is > asked) {
            unkept.push(Unkept { name, asked, is });
        }
    }
    Ok(unkept)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayWrite {
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
pub async fn open_all(db: &Db) {
    let connections = join_all((0..db.options().get_max_connections()).map(|_| db.acquire())).await;
    let refused = connections.iter().filter(|connection| connection.is_err()).count();
    if let Some(Err(error)) = connections.into_iter().find(Result::is_err) {
        tracing::warn!(refused, %error, "fewer connections available than database.max_connections");
    }
}

/// Begins a transaction for a list, with [`PLAN_EACH_TIME`].
pub(super) async fn begin_list(db: &Db) -> Result<Transaction> {
    transactions::begin(db, AssertSqlSafe(format!("BEGIN; {PLAN_EACH_TIME}"))).await
}
