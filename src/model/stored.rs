//! A thing as it is kept: with what lists and conditional changes need to know of it.

use chrono::{DateTime, Utc};

use super::version::Version;

/// A thing and its row's bookkeeping.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    pub value: T,
    /// Rises with every change that people can see.
    pub version: Version,
    pub created_at: DateTime<Utc>,
}
