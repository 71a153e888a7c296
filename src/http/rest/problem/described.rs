//! The problems that endpoints have in common, for the API's description. What an endpoint's own state stands against
//! (409), each says itself.

use utoipa::IntoResponses;

use super::ProblemBody;

/// What every endpoint may answer.
#[derive(Debug, IntoResponses)]
pub enum CallerProblems {
    /// `invalid_request`: the `Authorization` header is malformed or repeated
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// `unauthenticated`, `invalid_token`: missing or invalid authentication; see `WWW-Authenticate`
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// `insufficient_scope`, `forbidden`, `csrf_token_mismatch`: the caller is not allowed to do this
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// `not_found`: tenant not found
    #[response(status = 404, content_type = "application/problem+json")]
    NoTenant(ProblemBody),
    /// `temporarily_unavailable`: service unavailable; see `Retry-After`
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}

/// What a list may answer as well that is read by `offset` and `limit`.
#[derive(Debug, IntoResponses)]
pub enum PageProblem {
    /// `validation_failed`: a query parameter is invalid; see `errors`
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemBody),
}

/// What a list may answer as well that is read by `cursor` and `limit`.
#[derive(Debug, IntoResponses)]
pub enum FilterProblem {
    /// `invalid_parameter`: a query parameter is invalid, see `errors`; `invalid_request`: a header or the
    /// query is malformed
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(ProblemBody),
}

/// What an endpoint with a body may answer as well.
#[derive(Debug, IntoResponses)]
pub enum BodyProblems {
    /// `malformed_json`: the body is not a JSON object without repeated members; `invalid_request`: a header
    /// is malformed
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(ProblemBody),
    /// `too_large`: the body exceeds the limit
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// `unsupported_media_type`: the body is not `application/json`
    #[response(status = 415, content_type = "application/problem+json")]
    UnsupportedMediaType(ProblemBody),
    /// `validation_failed`: a member is unknown or invalid; see `errors`
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(ProblemBody),
}

/// What an endpoint that heeds `If-Match` may answer as well.
#[derive(Debug, IntoResponses)]
pub enum StaleProblem {
    /// `stale`: the current version is not in `If-Match`
    #[response(status = 412, content_type = "application/problem+json")]
    Stale(ProblemBody),
}
