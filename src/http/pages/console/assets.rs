//! The console's own stylesheet and script, each under a name that changes with its content.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::super::assets::FOR_GOOD;

const STYLESHEET: &str = include_str!("console.css");
const SCRIPT: &str = include_str!("console.js");

/// Where the stylesheet is.
pub(super) static STYLESHEET_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/console-{:08x}.css", crc32fast::hash(STYLESHEET.as_bytes())));
/// Where the script is.
pub(super) static SCRIPT_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/console-{:08x}.js", crc32fast::hash(SCRIPT.as_bytes())));

pub(super) async fn stylesheet() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], [FOR_GOOD], STYLESHEET).into_response()
}

pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], [FOR_GOOD], SCRIPT).into_response()
}
