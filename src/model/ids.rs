//! Identifiers, each a type of its own, so that none can stand where another belongs.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_newtype {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

uuid_newtype! {
    TenantId,
    /// A person's account; the `sub` of tokens.
    UserId,
    BrowserSessionId,
    /// By what a person opens codes and decides on them: a browser session, or a device whose access token acts.
    ApproverId,
    /// One device-authorization session: a device code and its user code.
    DeviceAuthorizationId,
    /// A connected device. It has the identifier of the device authorization that it came from.
    DeviceId,
    /// A token that lets somebody register clients.
    RegistrationTokenId,
    /// A service that tokens are for.
    ResourceId,
    /// An address that is told what happens.
    WebhookId,
    /// One HTTP request, as it appears in the answer, the log and the audit trail.
    RequestId,
}

/// A client's identifier (RFC 6749 §2.2), unique within its tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(String);

/// Why a text is no client identifier.
#[derive(Debug, thiserror::Error)]
#[error(
    "a client ID must have 1 to 128 printable ASCII characters without space, quote or backslash, and must \
     not be a UUID"
)]
pub struct InvalidClientIdError;

impl ClientId {
    /// Reads an identifier for a new client. One that looks like a UUID is refused, so that a client can
    /// never pass for a user in a `sub` claim (RFC 9700 §4.15).
    pub fn parse(text: &str) -> Result<Self, InvalidClientIdError> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if text.is_empty() || text.len() > 128 || !printable || Uuid::try_parse(text).is_ok() {
            return Err(InvalidClientIdError);
        }
        Ok(Self(text.to_owned()))
    }

    /// Takes an identifier as it came from the database or a request; it need not exist.
    #[must_use]
    pub fn from_known(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
