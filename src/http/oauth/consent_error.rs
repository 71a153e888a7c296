//! What is said when `/oauth/device/consent` shows or decides nothing.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;

use crate::domain::device_flow::choices::ChoiceError;
use crate::domain::device_flow::decide::DecisionError;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::http::challenge::{self, Reason, Scheme};
use crate::http::json::no_store;
use crate::http::oauth_endpoint_error::{OAuthEndpointError, OAuthErrorBody};
use crate::http::rest::caller::CallerError;
use crate::http::retry_after::whole_seconds;

/// Why nothing is shown or decided.
#[derive(Debug)]
pub enum ConsentError {
    Caller(CallerError),
    Decision(DecisionError),
}

impl From<CallerError> for ConsentError {
    fn from(refused: CallerError) -> Self {
        Self::Caller(refused)
    }
}

impl From<DecisionError> for ConsentError {
    fn from(refused: DecisionError) -> Self {
        Self::Decision(refused)
    }
}

impl From<OAuthError> for ConsentError {
    fn from(error: OAuthError) -> Self {
        Self::Decision(DecisionError::Failed(error))
    }
}

impl IntoResponse for ConsentError {
    fn into_response(self) -> Response {
        let error = match self {
            Self::Caller(CallerError::Token(refusal)) => return refusal.into_response(),
            Self::Caller(CallerError::Foreign) => {
                let description = "X-CSRF-Token is missing or wrong; use fetch from the same origin to read, and send the token to decide.";
                return refuse(StatusCode::FORBIDDEN, "access_denied", description);
            }
            Self::Decision(DecisionError::SignInNeeded(_)) => return sign_in_anew(),
            Self::Decision(DecisionError::AlreadyHandled) => {
                let description = "No request with this code is pending for you.";
                OAuthError::new(ErrorCode::NotFound, description)
            }
            Self::Decision(DecisionError::HeldElsewhere { left }) => return held_elsewhere(left),
            Self::Decision(DecisionError::TooManyAttempts(exhausted)) => {
                let code = ErrorCode::TooManyRequests { retry_after: exhausted.retry_after };
                OAuthError::new(code, "Too many wrong codes; try again later.")
            }
            Self::Decision(DecisionError::MustRetype | DecisionError::WrongCode) => {
                OAuthError::invalid_request(
                    "retyped_user_code must be the code that the user reads from the device and enters.",
                )
            }
            Self::Decision(DecisionError::Forbidden(_)) => {
                let description =
                    "The request was denied because it looks like phishing or violates the policy.";
                return refuse(StatusCode::FORBIDDEN, "access_denied", description);
            }
            Self::Decision(DecisionError::NothingToGrant) => {
                let description = "The user can grant none of the requested scopes; the request was denied.";
                return refuse(StatusCode::FORBIDDEN, "access_denied", description);
            }
            Self::Decision(DecisionError::Choice(refused)) => choice_error(refused),
            Self::Decision(DecisionError::Failed(error)) => error,
        };
        OAuthEndpointError::from(error).into_response()
    }
}

const fn choice_error(refused: ChoiceError) -> OAuthError {
    match refused {
        ChoiceError::Scopes => OAuthError::new(
            ErrorCode::InvalidScope,
            "scopes contains a scope that is not offered or omits a required one.",
        ),
        ChoiceError::Nothing => OAuthError::new(
            ErrorCode::InvalidScope,
            "scopes must contain at least one of granted_scopes; to grant none, send the decision deny.",
        ),
        ChoiceError::BeyondToken => OAuthError::new(
            ErrorCode::InvalidScope,
            "The access token lacks a requested scope that must be granted explicitly; the user can approve \
             it at /device.",
        ),
        ChoiceError::Trust => OAuthError::invalid_request("This device cannot be marked as trusted."),
        ChoiceError::Lifetime => OAuthError::invalid_request("lifetime is not one of the offered values."),
        ChoiceError::Name => OAuthError::invalid_request(
            "device_name must have at most 128 characters, with no control or bidirectional characters and \
             no mixed alphabets in a word.",
        ),
    }
}

/// The person signed in too long ago, or by too little (RFC 9470 §3).
fn sign_in_anew() -> Response {
    let (error, description) = ("insufficient_user_authentication", "The user must sign in again to decide.");
    let mut response = refuse(StatusCode::UNAUTHORIZED, error, description);
    let reason = Reason { scheme: Scheme::Bearer, error, description, scope: None };
    for challenge in challenge::access_token(Some(reason)) {
        response.headers_mut().append(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The code is right, and another account has it open.
fn held_elsewhere(left: TimeDelta) -> Response {
    let description = "user_code is open for another user; decide as that user, or try again later.";
    let mut response = refuse(StatusCode::CONFLICT, "invalid_request", description);
    response.headers_mut().insert(header::RETRY_AFTER, whole_seconds(left));
    response
}

fn refuse(status: StatusCode, error: &'static str, error_description: &'static str) -> Response {
    metrics::counter!("latchkey_oauth_errors_total", "error" => error).increment(1);
    (status, no_store(OAuthErrorBody { error, error_description, confirmation_attempts_left: None }))
        .into_response()
}
