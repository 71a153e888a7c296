//! What every administrative endpoint may refuse with, for the API's description.

use utoipa::IntoResponses;

use crate::http::rest::problem::ProblemBody;

/// How a request to read is refused.
#[derive(IntoResponses)]
pub enum ReadRefusals {
    /// A header or the query is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// No access token and no signed-in browser, or none that is good.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The token lacks the scope, or the account the role.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// There is none in this tenant.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
    /// A parameter is not what it must be.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemBody),
    /// The database is away; see `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// How a request to change something is refused.
#[derive(IntoResponses)]
pub enum WriteRefusals {
    /// The body is no JSON object, or a header is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// No access token and no signed-in browser, or none that is good.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The token lacks the scope, or the account the role; or a browser lacks its CSRF token, or a fresh sign-in.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// There is none in this tenant.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
    /// What is there stands against it.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(ProblemBody),
    /// It has changed since the version in `If-Match`.
    #[response(status = 412, content_type = "application/problem+json")]
    Stale(ProblemBody),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// The body has another media type.
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(ProblemBody),
    /// A field is not what it must be, or nobody knows it.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemBody),
    /// The database is away; see `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}
