//! A thing as it is kept: with what lists and conditional changes need to know of it.

use chrono::{DateTime, SubsecRound, Utc};

use super::version::{FIRST, Version};

/// A thing and its row's bookkeeping.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    pub value: T,
    /// Rises with every change that people can see.
    pub version: Version,
    pub created_at: DateTime<Utc>,
}

impl<T> Stored<T> {
    /// A thing that was stored just now. The database keeps microseconds.
    #[must_use]
    pub fn first(value: T, created_at: DateTime<Utc>) -> Self {
        Self { value, version: FIRST, created_at: created_at.trunc_subsecs(6) }
    }

    /// The same thing after one change, which made it `value`.
    #[must_use]
    pub fn next(&self, value: T) -> Self {
        Self { value, version: self.version + 1, created_at: self.created_at }
    }
}
