//! Stored values that cannot be: no server writes them, and most are forbidden by a check of their table. A row that has one
//! is damaged. It is reported as our own fault and never read as another value.

use std::fmt::Display;

use super::Result;
use crate::model::bearer_secret::SecretHash;
use crate::model::key_thumbprint::KeyThumbprint;

/// A stored value that cannot be. It names the place and not the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("impossible value in {table}.{column} of the row {id}")]
pub struct InconsistentError {
    pub table: &'static str,
    pub column: &'static str,
    /// What names the row in its table and tenant.
    pub id: String,
}

/// The row that is being read: its table, and what names it there.
#[derive(Clone, Copy)]
pub(super) struct RowOf<I> {
    table: &'static str,
    id: I,
}

impl<I: Display> RowOf<I> {
    pub(super) fn new(table: &'static str, id: I) -> Self {
        Self { table, id }
    }

    /// Takes what was read from a column. Fails on `None`: it could not be read.
    pub(super) fn take<T>(&self, column: &'static str, read: Option<T>) -> Result<T> {
        read.ok_or_else(|| InconsistentError { table: self.table, column, id: self.id.to_string() }.into())
    }

    /// Reads a column that may be null.
    pub(super) fn read<S, T>(
        &self,
        column: &'static str,
        stored: Option<S>,
        read: impl FnOnce(S) -> Option<T>,
    ) -> Result<Option<T>> {
        stored.map(|stored| self.take(column, read(stored))).transpose()
    }

    /// Reads all members of a list.
    pub(super) fn read_each<T, L: FromIterator<T>>(
        &self,
        column: &'static str,
        stored: &[String],
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<L> {
        stored.iter().map(|member| self.take(column, read(member))).collect()
    }

    /// Reads a number that is never negative.
    pub(super) fn number(&self, column: &'static str, stored: i32) -> Result<u32> {
        self.take(column, u32::try_from(stored).ok())
    }

    /// Reads a hash of 32 bytes, which may be null.
    pub(super) fn hash(&self, column: &'static str, stored: Option<Vec<u8>>) -> Result<Option<SecretHash>> {
        self.read(column, stored, |bytes| bytes.try_into().ok().map(SecretHash))
    }

    /// Reads the thumbprint of a key (RFC 7638), which may be null.
    pub(super) fn thumbprint(
        &self,
        column: &'static str,
        stored: Option<Vec<u8>>,
    ) -> Result<Option<KeyThumbprint>> {
        self.read(column, stored, |bytes| bytes.try_into().ok().map(KeyThumbprint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impossible_value_is_named_by_table_column_and_row_and_not_shown() {
        let error = RowOf::new("users", 7).hash("secret_hash", Some(b"secret".to_vec())).unwrap_err();
        assert_eq!(error.to_string(), "impossible value in users.secret_hash of the row 7");
        assert!(!error.is_passing() && error.may_be_of_one_item());
    }

    #[test]
    fn null_is_no_damage_where_it_may_be() {
        assert_eq!(RowOf::new("devices", 7).thumbprint("dpop_jkt", None).unwrap(), None);
    }
}
