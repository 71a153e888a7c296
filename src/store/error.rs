//! What can go wrong with the database, told apart by what it means for the caller.

use std::sync::Arc;

use sqlx::error::DatabaseError;

use super::InconsistentError;
use super::db::IN_FAILED_TRANSACTION;
use crate::secrets::{DecryptError, KeyName};

/// The outcome of a store function.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A failure of the store. It can be handed to all who waited for the same statement.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or takes no work now; the same call may go through later.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] Arc<sqlx::Error>),
    /// More waits to be stored than the database takes; the same call may go through later.
    #[error("the write queue is full")]
    Overloaded,
    /// A statement was not answered in time and was given up; it may still be carried out. The same call may go through
    /// later.
    #[error("the database did not respond in time")]
    TookTooLong,
    /// The database is known to be away, and was not asked.
    #[error("the database is unreachable")]
    Unreachable,
    /// A constraint with this name was violated.
    #[error("constraint {name} was violated")]
    Constraint {
        /// The constraint's name in the migrations.
        name: String,
    },
    /// What was read is sealed with a master key that this instance does not have. Another instance may have it, and this
    /// one may soon; the same call may go through later.
    #[error("stored data is encrypted with the master key {0}, which is not configured")]
    UnknownMasterKey(KeyName),
    /// A stored value cannot be: its row is damaged.
    #[error(transparent)]
    Inconsistent(#[from] InconsistentError),
    #[error("database error: {0}")]
    Fault(#[source] Arc<sqlx::Error>),
}

impl StoreError {
    /// A row that is always there is not.
    #[must_use]
    pub fn missing_row() -> Self {
        sqlx::Error::RowNotFound.into()
    }

    /// Whether the constraint `name` stood against it.
    #[must_use]
    pub fn violates(&self, name: &str) -> bool {
        matches!(self, Self::Constraint { name: violated } if violated == name)
    }

    /// Whether one item of many may be the cause, so that the others could go through without it: a constraint, a
    /// value the database does not take, or a deadlock.
    #[must_use]
    pub(super) fn may_be_of_one_item(&self) -> bool {
        match self {
            Self::Constraint { .. } | Self::Inconsistent(_) | Self::Fault(_) => true,
            Self::Unavailable(error) => error
                .as_database_error()
                .and_then(DatabaseError::code)
                .is_some_and(|code| code.starts_with("40")),
            Self::Overloaded | Self::TookTooLong | Self::Unreachable | Self::UnknownMasterKey(_) => false,
        }
    }

    /// Whether the same call may go through later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(_)
            | Self::Overloaded
            | Self::TookTooLong
            | Self::Unreachable
            | Self::UnknownMasterKey(_) => true,
            Self::Constraint { .. } | Self::Inconsistent(_) | Self::Fault(_) => false,
        }
    }

    /// Whether the database did not answer, or takes no statements now. One that gave up waiting for a lock or was ended
    /// with its transaction was answered.
    #[must_use]
    pub fn is_of_connection(&self) -> bool {
        match self {
            Self::TookTooLong => true,
            Self::Unavailable(error) => error
                .as_database_error()
                .is_none_or(|error| error.code().is_none_or(|code| !is_of_statement(&code))),
            Self::Overloaded
            | Self::Unreachable
            | Self::UnknownMasterKey(_)
            | Self::Constraint { .. }
            | Self::Inconsistent(_)
            | Self::Fault(_) => false,
        }
    }
}

impl From<DecryptError> for StoreError {
    fn from(error: DecryptError) -> Self {
        match error {
            DecryptError::UnknownKey(name) => Self::UnknownMasterKey(name),
            DecryptError::Damaged => sqlx::Error::Decode(Box::new(error)).into(),
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(Arc::new(error)),
            sqlx::Error::Database(database) => match (database.constraint(), database.code().as_deref()) {
                (Some(name), _) => Self::Constraint { name: name.to_owned() },
                (None, Some(IN_FAILED_TRANSACTION)) => Self::Unavailable(Arc::new(error)),
                (None, Some(code)) if is_condition_of_server(code) => Self::Unavailable(Arc::new(error)),
                _ => Self::Fault(Arc::new(error)),
            },
            _ => Self::Fault(Arc::new(error)),
        }
    }
}

/// SQLSTATE classes that speak of the server's condition and not of the statement: connection (08), refused
/// sign-in (28), transaction rollback such as a deadlock (40), insufficient resources (53), a database that takes
/// no connections or a lock that is held (55), operator intervention (57), system error (58); a read-only server
/// after a failover (25006), and a database that is not there, as while it is restored (3D000).
fn is_condition_of_server(code: &str) -> bool {
    ["08", "28", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class))
        || ["25006", "3D000"].contains(&code)
}

/// SQLSTATEs of [`is_condition_of_server`] that end a statement or a transaction: rollbacks such as deadlocks (40), a
/// lock that was not available in time (55P03), and a statement that was canceled, as by its time limit (57014).
fn is_of_statement(code: &str) -> bool {
    code.starts_with("40") || ["55P03", "57014"].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_of_the_server_is_told_from_trouble_with_the_statement() {
        assert!(StoreError::from(sqlx::Error::PoolTimedOut).is_passing());
        assert!(!StoreError::from(sqlx::Error::RowNotFound).is_passing());
        assert!(StoreError::from(sqlx::Error::PoolTimedOut).is_of_connection());
        assert!(is_of_statement("57014") && is_of_statement("55P03") && !is_of_statement("57P01"));
        assert!(is_condition_of_server("57P01") && is_condition_of_server("53300"));
        assert!(is_condition_of_server("55000"));
        assert!(!is_condition_of_server("42601"));
    }
}
