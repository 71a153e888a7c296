//! Whether the database can be reached, as far as this server knows. While it cannot, everything that memory can answer
//! is answered from memory immediately; the rest still tries once.
//!
//! It is only a suspicion: one broken connection is enough for it. A background task checks it immediately ([`answers`]),
//! and again until the database answers.

use std::time::Duration;

use sqlx::{ConnectOptions, Connection, PgPool};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Result, StoreError};

/// How long callers that can do without the database wait for it.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub struct Reachability(watch::Sender<bool>);

impl Default for Reachability {
    fn default() -> Self {
        Self(watch::Sender::new(true))
    }
}

impl Reachability {
    /// Returns `true` unless the database is assumed to be away.
    #[must_use]
    pub fn is_given(&self) -> bool {
        *self.0.borrow()
    }

    /// Notes that the database did not answer a call.
    pub fn doubt(&self) {
        self.0.send_if_modified(std::mem::take);
    }

    /// Notes that the database has answered.
    pub fn confirm(&self) {
        self.0.send_if_modified(|given| !std::mem::replace(given, true));
    }

    /// Resolves as soon as the database is assumed to be away.
    pub async fn doubted(&self) {
        // The sender is `self`, so the channel is open.
        let _ = self.0.subscribe().wait_for(|given| !given).await;
    }

    /// Raises doubt if a call failed because the database did not answer.
    pub fn observe<T>(&self, outcome: Result<T>) -> Result<T> {
        if outcome.as_ref().is_err_and(StoreError::is_of_connection) {
            self.doubt();
        }
        outcome
    }

    /// Does `work` while the database is assumed to answer, for callers that can do without it.
    ///
    /// # Errors
    /// Those of `work`; [`StoreError::Unreachable`] as soon as the database is assumed to be away, which it also is if
    /// `work` takes more than three seconds.
    pub async fn unless_doubted<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.doubted() => Err(StoreError::Unreachable),
            outcome = timeout(PATIENCE, work) => {
                self.observe(outcome.unwrap_or(Err(StoreError::TookTooLong)))
            }
        }
    }
}

/// Returns `true` if the database answers on a new connection within `limit`.
pub async fn answers(db: &PgPool, limit: Duration) -> bool {
    let asking = async {
        let mut connection = db.connect_options().connect().await?;
        connection.ping().await?;
        connection.close().await
    };
    matches!(timeout(limit, asking).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn whoever_can_do_without_the_database_does_not_wait_for_it() {
        let reachability = Reachability::default();
        assert!(reachability.unless_doubted(async { Ok(7) }).await.is_ok());
        let waiting = reachability.unless_doubted(pending::<Result<()>>());
        let (outcome, ()) = tokio::join!(waiting, async { reachability.doubt() });
        assert!(matches!(outcome, Err(StoreError::Unreachable)));
        assert!(reachability.unless_doubted(async { Ok(7) }).await.is_err());
        reachability.confirm();
        assert!(reachability.unless_doubted(async { Ok(7) }).await.is_ok());
    }

    #[test]
    fn only_what_the_connection_suffered_raises_doubts() {
        let reachability = Reachability::default();
        let _ = reachability.observe(Err::<(), _>(StoreError::Overloaded));
        assert!(reachability.is_given());
        let _ =
            reachability.observe(Err::<(), _>(StoreError::Unavailable(Arc::new(sqlx::Error::PoolTimedOut))));
        assert!(!reachability.is_given());
    }
}
