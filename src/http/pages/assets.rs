//! The stylesheet and the favicon, each under a name that changes with its content, so that browsers may keep it
//! for good.

use std::sync::LazyLock;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

const STYLESHEET: &str = include_str!("style.css");
const FAVICON: &str = include_str!("favicon.svg");

/// Where the stylesheet is.
pub(super) static STYLESHEET_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/style-{:08x}.css", crc32fast::hash(STYLESHEET.as_bytes())));
/// Where the favicon is.
pub(super) static FAVICON_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/favicon-{:08x}.svg", crc32fast::hash(FAVICON.as_bytes())));

/// Lets whoever asks keep the answer: it never changes under its name.
pub(super) const FOR_GOOD: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));

pub(super) async fn stylesheet() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], [FOR_GOOD], STYLESHEET).into_response()
}

pub(super) async fn favicon() -> Response {
    // An image can run nothing, also when it is opened as a page of its own; its own style is its colour.
    let harmless = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    ];
    (harmless, [FOR_GOOD], FAVICON).into_response()
}
