//! A sign-in between its two steps.

use chrono::TimeDelta;

use super::bearer_secret::SecretHash;
use super::user::User;

/// How long a person may take to give their code.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// A browser whose person has given the right password and must yet give the code. It opens nothing else.
#[derive(Clone, Debug)]
pub struct HalfSignIn {
    /// What is known of the browser's secret.
    pub token: SecretHash,
    pub user: User,
}
