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
    /// No access token and no signed-in browser, or none that is good.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The token lacks the scope, or the account the role.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// `not_found`: there is no such tenant; or a word such as `user_not_found`: what the path names is not in it.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
    /// The database is away; see `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// How a request to change something is refused.
#[derive(IntoResponses)]
pub enum WriteRefusals {
    /// A header is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// No access token and no signed-in browser, or none that is good.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// The token lacks the scope, or the account the role; or a browser lacks its CSRF token, or a fresh sign-in.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// `not_found`: there is no such tenant; or a word such as `user_not_found`: what the path names is not in it.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(ProblemBody),
    /// The database is away; see `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}
