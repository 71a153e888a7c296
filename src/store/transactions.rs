//! How transactions begin and end, so that none is left open on a connection that the pool hands out.
//!
//! Whoever gives a request up may do so in the middle of `BEGIN`. So `BEGIN` runs to its end whatever becomes of its
//! caller, and a transaction that nobody has is rolled back. Where `BEGIN` fails, its connection is closed.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, SqlSafeStr};

use super::Result;
use super::db::{Db, Lease};

/// A transaction, rolled back if it is dropped before it is committed.
#[derive(Debug)]
#[must_use]
pub struct Transaction(Lease);

impl Transaction {
    /// Commits it.
    ///
    /// # Errors
    /// If the database does not say that it did; it may have done so all the same.
    pub async fn commit(mut self) -> Result<()> {
        sqlx::raw_sql("COMMIT").execute(&mut *self.0).await?;
        self.0.owe_rollback(false);
        Ok(())
    }

    /// Undoes what was done in it. What is dropped is undone, too, but a moment later.
    ///
    /// # Errors
    /// If the database does not say that it did; the connection is then closed.
    pub async fn rollback(mut self) -> Result<()> {
        sqlx::raw_sql("ROLLBACK").execute(&mut *self.0).await?;
        self.0.owe_rollback(false);
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

/// Begins a transaction with this statement.
///
/// # Errors
/// If there is no connection in time, or the database does not begin it.
pub async fn begin(db: &Db, statement: impl SqlSafeStr) -> Result<Transaction> {
    let mut lease = db.acquire().await?;
    let statement = statement.into_sql_str();
    let beginning = async move {
        match sqlx::raw_sql(statement).execute(&mut *lease).await {
            Ok(_) => {
                lease.owe_rollback(true);
                Ok(Transaction(lease))
            }
            Err(error) => {
                lease.condemn();
                Err(error.into())
            }
        }
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with one statement, and whoever waits for it sees how"
    )]
    tokio::spawn(beginning).await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
}
