//! Errors of the OAuth endpoints, as answers (RFC 6749 §5.2).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::challenge;
use super::json::no_store;
use super::retry_after::whole_seconds;
use crate::domain::oauth_error::{ErrorCode, LOCKED_RETRY_AFTER, OAuthError, UNAVAILABLE_RETRY_AFTER};
use crate::noted;

/// An OAuth error body (RFC 6749 §5.2).
#[derive(Debug, Serialize, ToSchema)]
pub struct OAuthErrorBody {
    /// The error code, such as `authorization_pending`.
    #[schema(example = "authorization_pending")]
    pub error: &'static str,
    /// Description for developers.
    #[schema(example = "The user has not decided yet.")]
    pub error_description: &'static str,
    /// Attempts left after a wrong `confirmation_code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_attempts_left: Option<u8>,
}

/// An [`OAuthError`] as an answer.
#[derive(Debug)]
pub struct OAuthEndpointError(OAuthError);

impl From<OAuthError> for OAuthEndpointError {
    fn from(error: OAuthError) -> Self {
        Self(error)
    }
}

impl From<OAuthEndpointError> for OAuthError {
    fn from(refusal: OAuthEndpointError) -> Self {
        refusal.0
    }
}

impl IntoResponse for OAuthEndpointError {
    fn into_response(self) -> Response {
        let OAuthError { code, description, cause } = self.0;
        metrics::counter!("latchkey_oauth_errors_total", "error" => code.as_str()).increment(1);
        noted::refusal(code.as_str(), Some(description));
        if let Some(cause) = cause {
            tracing::error!(error = code.as_str(), cause, "request failed");
        }
        let confirmation_attempts_left = match code {
            ErrorCode::WrongConfirmation { attempts_left } => Some(attempts_left),
            _ => None,
        };
        let body = OAuthErrorBody {
            error: code.as_str(),
            error_description: description,
            confirmation_attempts_left,
        };
        let mut response = (status(code), no_store(body)).into_response();
        let headers = response.headers_mut();
        match code {
            // Only whoever used the header, or had to, is challenged (RFC 6749 §5.2): libraries report a challenge
            // instead of the error.
            ErrorCode::UnauthenticatedClient => {
                headers.insert(header::WWW_AUTHENTICATE, challenge::client_authentication());
            }
            ErrorCode::TooManyRequests { retry_after } => {
                headers.insert(header::RETRY_AFTER, whole_seconds(retry_after));
            }
            ErrorCode::TemporarilyUnavailable => {
                headers.insert(header::RETRY_AFTER, whole_seconds(UNAVAILABLE_RETRY_AFTER));
            }
            ErrorCode::Locked => {
                headers.insert(header::RETRY_AFTER, whole_seconds(LOCKED_RETRY_AFTER));
            }
            _ => {}
        }
        response
    }
}

/// The status of an answer with this error.
pub(super) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::UnauthenticatedClient => StatusCode::UNAUTHORIZED,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ErrorCode::TargetTooLong => StatusCode::URI_TOO_LONG,
        ErrorCode::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TemporarilyUnavailable | ErrorCode::Locked => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}
