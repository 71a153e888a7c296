//! The closed catalogue of what a client can be told went wrong (RFC 6749 §5.2, RFC 7009 §2.2.1, RFC 8628 §3.5,
//! RFC 7591 §3.2.2, RFC 8707 §2, RFC 9449 §5, §8).
//!
//! What the client is told and what is logged are two fields: the first never carries input or internals.

use std::fmt;

use chrono::TimeDelta;

use crate::hashing::BusyError;
use crate::secrets::DecryptError;
use crate::store::StoreError;

/// How long a client is asked to wait when the database is away.
pub const UNAVAILABLE_RETRY_AFTER: TimeDelta = TimeDelta::seconds(5);

/// How long a locked device is asked to wait before it tries again.
pub const LOCKED_RETRY_AFTER: TimeDelta = TimeDelta::hours(1);

/// The registered word, and what only we need to know about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    InvalidRequest,
    InvalidClient,
    /// `invalid_client` for a client that used the `Authorization` header, or had to authenticate: it is answered with a
    /// challenge (RFC 6749 §5.2).
    UnauthenticatedClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedTokenType,
    InvalidScope,
    InvalidTarget,
    InvalidDpopProof,
    UseDpopNonce,
    AuthorizationPending,
    SlowDown,
    AccessDenied,
    ExpiredToken,
    InvalidClientMetadata,
    InvalidRedirectUri,
    /// What a device sent to confirm an approval is wrong; it is still waiting.
    WrongConfirmation {
        attempts_left: u8,
    },
    /// The body is larger than any honest one.
    TooLarge,
    /// The head is larger than any honest one.
    HeadTooLarge,
    /// The address is longer than any honest one.
    TargetTooLong,
    /// The body has a transfer coding that is not understood.
    NotImplemented,
    /// The body's media type is none of those understood.
    UnsupportedMediaType,
    /// The method is none of those the endpoint has.
    MethodNotAllowed,
    /// There is nothing at this address.
    NotFound,
    /// Too many new codes; never said to a poll.
    TooManyRequests {
        retry_after: TimeDelta,
    },
    TemporarilyUnavailable,
    /// The device or its account is locked, and may be unlocked.
    Locked,
    ServerError,
}

impl ErrorCode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest
            | Self::TooLarge
            | Self::HeadTooLarge
            | Self::TargetTooLong
            | Self::NotImplemented
            | Self::UnsupportedMediaType
            | Self::MethodNotAllowed
            | Self::NotFound => "invalid_request",
            Self::InvalidClient | Self::UnauthenticatedClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::AuthorizationPending | Self::WrongConfirmation { .. } => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::AccessDenied => "access_denied",
            Self::ExpiredToken => "expired_token",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::TooManyRequests { .. } | Self::TemporarilyUnavailable | Self::Locked => {
                "temporarily_unavailable"
            }
            Self::ServerError => "server_error",
        }
    }
}

#[derive(Debug)]
pub struct OAuthError {
    pub code: ErrorCode,
    /// A sentence for the client's developer: printable ASCII without quote or backslash (RFC 6749 §5.2).
    pub description: &'static str,
    /// What the log says beside it.
    pub cause: Option<String>,
}

impl OAuthError {
    /// A refusal that needs no log line of its own.
    #[must_use]
    pub const fn new(code: ErrorCode, description: &'static str) -> Self {
        Self { code, description, cause: None }
    }

    /// The same refusal with a challenge, if it is about how the client authenticates.
    #[must_use]
    pub fn with_challenge(self) -> Self {
        match self.code {
            ErrorCode::InvalidClient => Self { code: ErrorCode::UnauthenticatedClient, ..self },
            _ => self,
        }
    }

    #[must_use]
    pub const fn invalid_request(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    #[must_use]
    pub const fn invalid_grant(description: &'static str) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// Our own fault; the cause goes to the log only.
    #[must_use]
    pub fn fault(cause: impl fmt::Display) -> Self {
        Self {
            code: ErrorCode::ServerError,
            description: "Internal server error; it has been logged.",
            cause: Some(cause.to_string()),
        }
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.description)
    }
}

impl std::error::Error for OAuthError {}

impl From<StoreError> for OAuthError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_)
            | StoreError::Overloaded
            | StoreError::TookTooLong
            | StoreError::Unreachable => Self {
                code: ErrorCode::TemporarilyUnavailable,
                description: "The service is temporarily unavailable; try again later.",
                cause: Some(error.to_string()),
            },
            StoreError::UnknownMasterKey(_) => Self {
                code: ErrorCode::TemporarilyUnavailable,
                description: "The service cannot read its stored data; try again later.",
                cause: Some(error.to_string()),
            },
            StoreError::Constraint { .. } | StoreError::Inconsistent(_) | StoreError::Fault(_) => {
                Self::fault(error)
            }
        }
    }
}

impl From<DecryptError> for OAuthError {
    fn from(error: DecryptError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<BusyError> for OAuthError {
    fn from(_: BusyError) -> Self {
        Self::new(ErrorCode::TemporarilyUnavailable, "Too many users are signing in; try again later.")
    }
}
