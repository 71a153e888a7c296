//! The pages for people. They work without JavaScript and load nothing from elsewhere.

pub mod account;
mod api_reference;
pub mod assets;
mod bare_notice;
pub mod browser;
mod browser_names;
pub mod carried_code;
mod code_page;
pub mod consent;
pub mod consent_choices;
pub mod console;
pub mod csrf;
pub mod destination;
pub mod device;
pub mod device_labels;
pub mod device_words;
pub mod first_administrator;
mod language_switch;
pub(in crate::http) mod linked_codes;
pub mod not_me;
mod password_words;

mod report;
pub mod risk_words;
pub mod set_password;
pub mod sign_in;
mod sign_in_code;
pub mod sign_out;
mod signing_browser;
pub mod theme;
pub mod views;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::TimeDelta;

use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::http::whole_seconds;
use crate::languages::Language;
use crate::store::StoreError;
pub(super) use bare_notice::{BareNotice, put_into_words};
pub(super) use browser::{language_of, languages_asked_for};

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/device", get(device::show).post(device::enter))
        .route("/device/consent", get(consent::show).post(consent::decide))
        .route("/set-password", get(set_password::show).post(set_password::choose))
        .route("/first-administrator", get(first_administrator::show).post(first_administrator::create))
        .route("/device/report", post(report::report))
        .route("/device/not-me", get(not_me::show).post(not_me::disown))
        .route("/language", post(language_switch::choose))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-in/code", get(sign_in_code::show).post(sign_in_code::enter))
        .route("/sign-out", post(sign_out::sign_out))
        .route(&assets::STYLESHEET_PATH, get(assets::stylesheet))
        .route(&assets::FAVICON_PATH, get(assets::favicon))
        .merge(api_reference::router())
        .merge(theme::router())
        .merge(account::router())
        .merge(console::router())
}

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
fn html(status: StatusCode, language: Language, page: &impl Template) -> Response {
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
fn redirect(target: &str) -> Response {
    (PAGE_HEADERS, Redirect::to(target)).into_response()
}

/// The same answer, saying when to try again if it is too early now (RFC 6585 §4).
fn try_again_after(span: Option<TimeDelta>, mut response: Response) -> Response {
    if let Some(span) = span {
        response.headers_mut().insert(header::RETRY_AFTER, whole_seconds(span));
    }
    response
}

/// Why a page cannot be shown, or a form not be taken.
#[derive(Debug)]
pub enum PageRefusal {
    /// The form was not ours, or its browser has changed since.
    ForeignForm,
    /// Something below failed.
    Failed(OAuthError),
}

impl From<OAuthError> for PageRefusal {
    fn from(error: OAuthError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for PageRefusal {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl IntoResponse for PageRefusal {
    fn into_response(self) -> Response {
        match self {
            Self::ForeignForm => BareNotice::ForeignForm,
            Self::Failed(error) => BareNotice::from(error),
        }
        .into_response()
    }
}
