//! What goes wrong elsewhere, as a problem.

use axum::http::{StatusCode, header};

use super::Problem;
use crate::domain::access_tokens::AccessTokenError;
use crate::domain::oauth_error::{ErrorCode, OAuthError, UNAVAILABLE_RETRY_AFTER};
use crate::http::bearer::{BearerError, Denial};
use crate::http::oauth_endpoint_error::OAuthEndpointError;
use crate::http::pages::page_error::PageError;
use crate::http::retry_after::whole_seconds;
use crate::model::version::VersionConflictError;
use crate::store::StoreError;

impl From<OAuthError> for Problem {
    fn from(error: OAuthError) -> Self {
        let OAuthError { code, description, cause } = error;
        if let Some(cause) = cause {
            tracing::error!(error = code.as_str(), cause, "request failed");
        }
        let (status, word, suggested) = match code {
            ErrorCode::TooManyRequests { retry_after } => return Self::too_many(description, retry_after),
            ErrorCode::TemporarilyUnavailable | ErrorCode::Locked => {
                let suggested = "Wait for the time in `Retry-After`, then try again.";
                let retry_after = whole_seconds(UNAVAILABLE_RETRY_AFTER);
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, code.as_str(), description, suggested)
                    .with_header(header::RETRY_AFTER, retry_after);
            }
            ErrorCode::ServerError => (
                StatusCode::INTERNAL_SERVER_ERROR,
                code.as_str(),
                "Try again later. If the error persists, report the value of `instance`.",
            ),
            ErrorCode::NotFound => {
                (StatusCode::NOT_FOUND, "not_found", "Check the URL against the API reference at /docs.")
            }
            ErrorCode::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "See the `Allow` header and the API reference at /docs.",
            ),
            ErrorCode::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Send a smaller body."),
            ErrorCode::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "head_too_large",
                "Send fewer and shorter headers.",
            ),
            ErrorCode::TargetTooLong => (StatusCode::URI_TOO_LONG, "target_too_long", "Send a shorter URL."),
            ErrorCode::NotImplemented => (
                StatusCode::NOT_IMPLEMENTED,
                "not_implemented",
                "Send the body with Content-Length, or with Transfer-Encoding: chunked.",
            ),
            ErrorCode::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send a JSON object with Content-Type: application/json.",
            ),
            _ => (
                StatusCode::BAD_REQUEST,
                code.as_str(),
                "Check the request against the API reference at /docs.",
            ),
        };
        Self::new(status, word, description, suggested)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        OAuthError::from(error).into()
    }
}

impl From<OAuthEndpointError> for Problem {
    fn from(refusal: OAuthEndpointError) -> Self {
        OAuthError::from(refusal).into()
    }
}

impl From<AccessTokenError> for Problem {
    fn from(refused: AccessTokenError) -> Self {
        BearerError::from(refused).into()
    }
}

impl From<BearerError> for Problem {
    fn from(refusal: BearerError) -> Self {
        let denial = match refusal {
            BearerError::NoToken => return Self::unauthenticated(),
            BearerError::Request(error) => return error.into(),
            BearerError::Malformed(description) => Denial::malformed(description),
            BearerError::Token(refused) => Denial::from(refused),
        };
        let Denial { status, error, description, challenges } = denial;
        let suggested = match status {
            StatusCode::BAD_REQUEST => "Send the access token as `Authorization: Bearer`, once.",
            StatusCode::FORBIDDEN => "Request a token with the scope named in `WWW-Authenticate`.",
            _ => "Get a new access token and send it with the scheme in `WWW-Authenticate`.",
        };
        Self::new(status, error, description, suggested).with_challenges(challenges)
    }
}

impl From<PageError> for Problem {
    fn from(refusal: PageError) -> Self {
        match refusal {
            PageError::Failed(error) => error.into(),
            PageError::ForeignForm => Self::foreign_request(),
        }
    }
}

impl From<VersionConflictError> for Problem {
    fn from(_: VersionConflictError) -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "stale",
            "The resource has changed since you read it.",
            "Read it again and retry with its new ETag in If-Match.",
        )
    }
}
