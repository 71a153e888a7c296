//! Audit events: who did what to what, from where, when, and with what outcome.

use ipnet::IpNet;
use serde_json::Value;

pub use super::audit_action::Action;
use super::ids::{
    BrowserSessionId, ClientId, DeviceAuthorizationId, DeviceId, RegistrationTokenId, TenantId, UserId,
    WebhookId,
};
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

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A client's own access token, by its `jti`.
    AccessToken(String),
    /// A signed-in browser.
    BrowserSession(BrowserSessionId),
    Client(ClientId),
    Device(DeviceId),
    DeviceAuthorization(DeviceAuthorizationId),
    /// An operation of the administrators' API: its method and path.
    Endpoint(String),
    /// A master key, by its name.
    MasterKey(String),
    /// An initial access token (RFC 7591 §3).
    RegistrationToken(RegistrationTokenId),
    /// A resource (RFC 8707), by its URI.
    Resource(String),
    /// A scope, by its name.
    Scope(String),
    /// A signing key, by its `kid`.
    SigningKey(String),
    /// A source of codes: an IP address or an IPv6 /64.
    Source(IpNet),
    Tenant(TenantId),
    /// A user; `None` if no user has the name that was entered.
    User(Option<UserId>),
    /// A user code that was entered. Codes never go into the trail.
    UserCode,
    Webhook(WebhookId),
}

impl Target {
    /// The kind, as stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AccessToken(_) => "access_token",
            Self::BrowserSession(_) => "browser_session",
            Self::Client(_) => "client",
            Self::Device(_) => "device",
            Self::DeviceAuthorization(_) => "device_authorization",
            Self::Endpoint(_) => "endpoint",
            Self::MasterKey(_) => "master_key",
            Self::RegistrationToken(_) => "registration_token",
            Self::Resource(_) => "resource",
            Self::Scope(_) => "scope",
            Self::SigningKey(_) => "signing_key",
            Self::Source(_) => "source",
            Self::Tenant(_) => "tenant",
            Self::User(_) => "user",
            Self::UserCode => "user_code",
            Self::Webhook(_) => "webhook",
        }
    }

    /// The ID, as stored.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        Some(match self {
            Self::AccessToken(text)
            | Self::Endpoint(text)
            | Self::MasterKey(text)
            | Self::Resource(text)
            | Self::Scope(text)
            | Self::SigningKey(text) => text.clone(),
            Self::BrowserSession(id) => id.to_string(),
            Self::Client(id) => id.to_string(),
            Self::Device(id) => id.to_string(),
            Self::DeviceAuthorization(id) => id.to_string(),
            Self::RegistrationToken(id) => id.to_string(),
            Self::Source(source) => source.to_string(),
            Self::Tenant(id) => id.to_string(),
            Self::User(id) => return id.map(|id| id.to_string()),
            Self::UserCode => return None,
            Self::Webhook(id) => id.to_string(),
        })
    }
}

/// An entry of the audit log. Codes, tokens and secrets are never part of it.
#[derive(Clone, Debug)]
pub struct AuditEvent<'a> {
    pub action: Action,
    pub outcome: Outcome,
    pub actor: Actor,
    pub target: Target,
    /// Where it came from; `None` for the command line.
    pub origin: Option<&'a RequestOrigin>,
    pub details: Value,
}
