//! How clients authenticate.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAuthenticationPolicy {
    /// Where a client may show its secret.
    pub secret_in: SecretIn,
}

/// Where a client may show its secret (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretIn {
    /// In the header or in the body.
    Either,
    /// Where its `token_endpoint_auth_method` says.
    AsRegistered,
}
