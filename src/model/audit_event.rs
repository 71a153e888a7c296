//! Audit events: who did what to what, from where, when, and with what outcome.

use serde_json::Value;

pub use super::audit_action::Action;
use super::ids::{ClientId, UserId};
use super::request_origin::RequestOrigin;

#[derive(Clone, Debug)]
pub enum Actor {
    User(UserId),
    Client(ClientId),
    /// An operator on the command line.
    Operator,
    Server,
    Anyone,
}

impl Actor {
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Client(_) => "client",
            Self::Operator => "operator",
            Self::Server => "server",
            Self::Anyone => "anyone",
        }
    }

    #[must_use]
    pub fn id(&self) -> Option<String> {
        match self {
            Self::User(id) => Some(id.to_string()),
            Self::Client(id) => Some(id.to_string()),
            Self::Operator | Self::Server | Self::Anyone => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    Refused,
}

impl Outcome {
    /// The word in the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
        }
    }
}

/// One entry of the audit trail. Codes, tokens and secrets never go into it.
#[derive(Clone, Debug)]
pub struct AuditEvent<'a> {
    pub action: Action,
    pub outcome: Outcome,
    pub actor: Actor,
    /// The kind of thing acted on, such as `device_authorization`.
    pub target_kind: &'static str,
    pub target_id: Option<String>,
    /// From where; `None` for the command line.
    pub origin: Option<&'a RequestOrigin>,
    pub details: Value,
}
