//! What every administrative endpoint may refuse with, for the API's description. What bodies, versions and pages add,
//! [`crate::http::rest::problem::described`] says.

use utoipa::IntoResponses;

use crate::http::rest::problem::ProblemBody;

/// How a request to read is refused.
#[derive(IntoResponses)]
pub enum ReadRefusals {
    /// A header or the query is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// Missing or invalid authentication.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The token lacks a scope, or the user lacks a role.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// `not_found`: tenant not found; or an error such as `user_not_found`, if the path names something that
    /// does not exist.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
    /// Service unavailable; see `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// How a request to change something is refused.
#[derive(IntoResponses)]
pub enum WriteRefusals {
    /// A header is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// Missing or invalid authentication.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The token lacks a scope, or the user lacks a role; or a browser sent no valid CSRF token, or a recent
    /// sign-in is required.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// `not_found`: tenant not found; or an error such as `user_not_found`, if the path names something that
    /// does not exist.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
    /// Service unavailable; see `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}
