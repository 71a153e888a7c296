//! Pages as answers, with the headers that protect them.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::languages::Language;

/// Nothing but our own stylesheet and forms; no script, no frame around us.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                                       base-uri 'none'; frame-ancestors 'none'; object-src 'none'";

const PAGE_HEADERS: [(HeaderName, HeaderValue); 8] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
    (header::VARY, HeaderValue::from_static("Accept-Language, Cookie")),
];

/// A page as an answer, with the headers that protect it.
pub(super) fn html(status: StatusCode, language: Language, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let in_language = [(header::CONTENT_LANGUAGE, language.tag())];
            (status, PAGE_HEADERS, in_language, Html(text)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Sends to another page, always by GET (RFC 9700 §4.12).
pub(super) fn redirect(target: &str) -> Response {
    (PAGE_HEADERS, Redirect::to(target)).into_response()
}
