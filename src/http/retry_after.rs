//! When to try again.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use chrono::TimeDelta;

/// The value of `Retry-After` (RFC 9110 §10.2.3).
pub(super) fn whole_seconds(span: TimeDelta) -> HeaderValue {
    HeaderValue::from(u64::try_from((span.num_milliseconds() + 999) / 1000).unwrap_or(1).max(1))
}

/// The same answer, saying when to try again if it is too early now (RFC 6585 §4).
pub(super) fn try_again_after(span: Option<TimeDelta>, mut response: Response) -> Response {
    if let Some(span) = span {
        response.headers_mut().insert(header::RETRY_AFTER, whole_seconds(span));
    }
    response
}
