//! Tokens that let somebody register clients (RFC 7591 §3, "initial access token").

use chrono::{DateTime, Utc};

use super::ids::RegistrationTokenId;

/// What is known of such a token; its secret is not.
#[derive(Clone, Debug)]
pub struct RegistrationToken {
    pub id: RegistrationTokenId,
    /// For whom it is, in an operator's words.
    pub name: String,
    /// How many clients may still register with it.
    pub uses_left: i32,
    pub created_at: DateTime<Utc>,
    /// From when on it is not good any more.
    pub expires_at: DateTime<Utc>,
}
