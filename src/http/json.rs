//! Answers in JSON.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Answers JSON that must not be kept by anybody on the way.
pub(super) fn no_store(body: impl serde::Serialize) -> Response {
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (headers, axum::Json(body)).into_response()
}
