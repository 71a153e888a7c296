//! The database as the program sees it: a pool whose connections go back within a time limit and without a transaction
//! that nobody knows of.
//!
//! Whatever is lent comes back by [`Lease`], also what one statement is carried out on. The pool itself would look at a
//! connection that comes back for as long as TCP believes in it: a network that dies at that moment would cost the
//! connection's place for a quarter of an hour.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Execute, Executor, PgConnection, PgPool, Postgres, SqlStr};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

/// PostgreSQL's code for a statement in a transaction that has failed before.
pub(super) const IN_FAILED_TRANSACTION: &str = "25P02";

/// How long a connection may take to go back to the pool. One that takes longer is closed.
const RETURN: Duration = Duration::from_secs(3);

/// The pool of connections. Statements are carried out on it as on sqlx's pool.
#[derive(Clone, Debug)]
pub struct Db(PgPool);

impl From<PgPool> for Db {
    fn from(pool: PgPool) -> Self {
        Self(pool)
    }
}

impl Deref for Db {
    type Target = PgPool;

    fn deref(&self) -> &PgPool {
        &self.0
    }
}

impl Db {
    /// Lends a connection, once there is one that is sound.
    ///
    /// # Errors
    /// If there is none in time.
    pub async fn acquire(&self) -> sqlx::Result<Lease> {
        let connection = self.0.acquire().await?;
        Ok(Lease { connection: Some(connection), owes_rollback: false, is_sound: true })
    }
}

fn is_of_failed_transaction(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(IN_FAILED_TRANSACTION))
}

/// A connection that goes back to its pool when it is dropped.
#[derive(Debug)]
pub struct Lease {
    /// `None` once it has gone back.
    connection: Option<PoolConnection<Postgres>>,
    /// Whether it is in a transaction.
    owes_rollback: bool,
    is_sound: bool,
}

impl Lease {
    /// Has it closed instead of given back.
    pub fn condemn(&mut self) {
        self.is_sound = false;
    }

    /// Notes whether it is in a transaction, which is rolled back before the connection is used again.
    pub(super) fn owe_rollback(&mut self, owes: bool) {
        self.owes_rollback = owes;
    }

    /// Has the connection closed if it turns out to be in a failed transaction.
    fn judge<T>(&mut self, outcome: sqlx::Result<T>) -> sqlx::Result<T> {
        if outcome.as_ref().is_err_and(is_of_failed_transaction) {
            self.condemn();
        }
        outcome
    }
}

#[expect(clippy::expect_used, reason = "it is taken when the lease is dropped, and not before")]
impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("a connection until it is dropped")
    }
}

#[expect(clippy::expect_used, reason = "it is taken when the lease is dropped, and not before")]
impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("a connection until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let Ok(runtime) = Handle::try_current() else {
            // The program ends.
            drop(connection.detach());
            return;
        };
        if self.is_sound {
            // Nobody waits for it to be looked at.
            runtime.spawn(give_back(connection, self.owes_rollback));
        } else {
            connection.close_on_drop();
        }
    }
}

/// Gives a connection back, or closes it where that takes too long: its network may have died silently.
async fn give_back(mut connection: PoolConnection<Postgres>, owes_rollback: bool) {
    let deadline = Instant::now() + RETURN;
    if owes_rollback {
        let rolling_back = sqlx::raw_sql("ROLLBACK").execute(&mut *connection);
        if !matches!(timeout_at(deadline, rolling_back).await, Ok(Ok(_))) {
            drop(connection.detach());
            return;
        }
    }
    // Given up, it is closed.
    let _ = timeout_at(deadline, connection.return_to_pool()).await;
}

impl<'p> Executor<'p> for &'_ Db {
    type Database = Postgres;

    fn execute<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<PgQueryResult>>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let db = self.clone();
        async move {
            let mut lease = db.acquire().await?;
            let outcome = lease.execute(query).await;
            lease.judge(outcome)
        }
        .boxed()
    }

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Either<PgQueryResult, PgRow>>>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let db = self.clone();
        let all = async move {
            let mut lease = db.acquire().await?;
            let outcome = lease.fetch_many(query).try_collect::<Vec<_>>().await;
            lease.judge(outcome)
        };
        stream::once(all).map_ok(|steps| stream::iter(steps).map(Ok)).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<PgRow>>>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let db = self.clone();
        async move {
            let mut lease = db.acquire().await?;
            let outcome = lease.fetch_optional(query).await;
            lease.judge(outcome)
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<PgStatement>>
    where
        'p: 'e,
    {
        let db = self.clone();
        async move { db.acquire().await?.prepare_with(sql, parameters).await }.boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Postgres>>> {
        let db = self.clone();
        async move { db.acquire().await?.describe(sql).await }.boxed()
    }
}
