//! Roles as `users` has them.

use uuid::Uuid;

use super::Result;
use super::inconsistent::RowOf;
use crate::model::user::Role;

/// Reads the roles of a user.
pub(super) fn roles<L: FromIterator<Role>>(user: Uuid, stored: &[String]) -> Result<L> {
    RowOf::new("users", user).read_each("roles", stored, |role| role.parse().ok())
}
