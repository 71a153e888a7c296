//! How long the database lets a connection hold what others need.

use std::time::Duration;

/// Limits that PostgreSQL enforces by itself; zero means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a transaction may wait for its client's next statement (`idle_in_transaction_session_timeout`).
    pub idle_in_transaction: Duration,
    /// How long a statement may wait for a lock (`lock_timeout`).
    pub lock: Duration,
    /// How long a statement may take (`statement_timeout`).
    pub statement: Duration,
}

/// What a statement gets for its way to the database and back, beside its limit there.
const ON_ITS_WAY: Duration = Duration::from_secs(1);
/// The longest a statement is waited for where the database has no limits.
const WITHOUT_LIMIT: Duration = Duration::from_mins(1);

impl Limits {
    pub const NONE: Self =
        Self { idle_in_transaction: Duration::ZERO, lock: Duration::ZERO, statement: Duration::ZERO };

    /// The limits of commands, which read much and which nobody waits for.
    pub const OF_COMMANDS: Self = Self {
        idle_in_transaction: Duration::from_mins(5),
        lock: Duration::from_mins(1),
        statement: Duration::ZERO,
    };

    /// How long a server waits for a batched statement before it closes the connection. Such a statement changes rows by
    /// their keys, so only a lock can keep it.
    #[must_use]
    pub fn of_batch(&self) -> Duration {
        [self.lock, self.statement]
            .into_iter()
            .find(|limit| !limit.is_zero())
            .map_or(WITHOUT_LIMIT, |limit| limit + ON_ITS_WAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_may_wait_for_a_lock() {
        let seconds = Duration::from_secs;
        let limits = Limits { lock: seconds(3), statement: seconds(8), ..Limits::NONE };
        assert_eq!(limits.of_batch(), seconds(4));
        assert_eq!(Limits { lock: Duration::ZERO, ..limits }.of_batch(), seconds(9));
        assert_eq!(Limits::NONE.of_batch(), seconds(60));
    }
}
