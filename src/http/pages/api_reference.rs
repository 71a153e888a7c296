//! `/docs`: the API reference, to read and to try, without anything from elsewhere.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use utoipa_swagger_ui::Config;

use super::assets::FAVICON_PATH;
use super::bare_notice::BareNotice;
use super::page::html;
use crate::app::App;
use crate::http::asked::Slug;
use crate::http::site::Site;
use crate::languages::Language;

const STYLESHEET: &str = "swagger-ui.css";
const PROGRAM: &str = "swagger-ui-bundle.js";
const START: &str = include_str!("api_reference.js");

/// Scripts and styles of this server only; `data:` has the pictures that the stylesheet holds.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'",
);
/// They change with the program only.
const KEPT_FOR_AN_HOUR: (HeaderName, HeaderValue) =
    (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));

#[derive(Template)]
#[template(path = "api_reference.html", config = ".askama.toml")]
struct Page<'a> {
    prefix: &'a str,
    favicon: &'a str,
}

pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/docs", get(show))
        .route("/docs/start.js", get(start))
        .route("/docs/swagger-ui.css", get(asset))
        .route("/docs/swagger-ui-bundle.js", get(asset))
}

async fn show(slug: Slug, site: Site) -> Response {
    let page = Page { prefix: &site.prefix(&slug.0), favicon: &FAVICON_PATH };
    let mut response = html(StatusCode::OK, Language::English, &page);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

async fn start() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, [KEPT_FOR_AN_HOUR], START).into_response()
}

async fn asset(State(_): State<Arc<App>>, request: Request) -> Response {
    let name = if request.uri().path().ends_with(STYLESHEET) { STYLESHEET } else { PROGRAM };
    let Ok(Some(file)) = utoipa_swagger_ui::serve(name, Arc::new(Config::default())) else {
        return BareNotice::NotFound.into_response();
    };
    let mut response =
        ([(header::CONTENT_TYPE, file.content_type)], [KEPT_FOR_AN_HOUR], file.bytes.into_owned())
            .into_response();
    if file.gzpipped {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
