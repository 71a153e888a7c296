//! A client shows its secret (RFC 6749 §2.3.1).

use subtle::ConstantTimeEq;

use crate::model::bearer_secret::SecretHash;
use crate::model::client::Client;

/// The rule: the client has a secret, and what it shows is its present one or the one before. An unknown client costs
/// the same work.
pub(super) fn proves(client: Option<&Client>, given: &str) -> bool {
    let given = SecretHash::of(given);
    let present = client.and_then(|client| client.secret_hash).unwrap_or(SecretHash([0; 32]));
    let previous = client.and_then(|client| client.previous_secret_hash).unwrap_or(SecretHash([0; 32]));
    let equal = given.0.ct_eq(&present.0) | given.0.ct_eq(&previous.0);
    client.is_some_and(|client| client.auth_method.uses_secret()) && equal.into()
}
