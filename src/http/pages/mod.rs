//! The pages for people. They work without JavaScript and load nothing from elsewhere.

pub mod assets;
pub mod browser;
pub mod carried_code;
pub mod consent;
pub mod csrf;
pub mod device;
pub mod sign_in;
pub mod sign_out;
pub mod views;
pub mod words;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use chrono::TimeDelta;

use crate::app::App;
use crate::domain::oauth_error::{ErrorCode, OAuthError, UNAVAILABLE_RETRY_AFTER};
use crate::http::whole_seconds;
use crate::store::StoreError;
use views::{NextStep, NoticePage, PageFrame, Tone};

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/device", get(device::show).post(device::enter))
        .route("/device/consent", get(consent::show).post(consent::decide))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-out", post(sign_out::sign_out))
        .route(&assets::STYLESHEET_PATH, get(assets::stylesheet))
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
    (HeaderName::from_static("content-language"), HeaderValue::from_static("en")),
];

/// A page as an answer, with the headers that protect it.
fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, PAGE_HEADERS, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The same answer, saying when to try again if it is too early now (RFC 6585 §4).
fn try_again_after(span: Option<TimeDelta>, mut response: Response) -> Response {
    if let Some(span) = span {
        response.headers_mut().insert(header::RETRY_AFTER, whole_seconds(span));
    }
    response
}

/// A page that belongs to no tenant and no browser.
pub(super) fn bare_notice(status: StatusCode, title: &str, text: &str) -> Response {
    html(
        status,
        &NoticePage {
            frame: PageFrame {
                tenant_name: "Latchkey".to_owned(),
                base: String::new(),
                stylesheet: assets::STYLESHEET_PATH.clone(),
                signed_in_as: None,
                csrf: String::new(),
            },
            title: title.to_owned(),
            text: text.to_owned(),
            tone: Tone::Problem,
            next: None::<NextStep>,
        },
    )
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
        let error = match self {
            Self::ForeignForm => {
                return bare_notice(
                    StatusCode::FORBIDDEN,
                    "This form is out of date",
                    "Please go back to the page, load it anew and try again.",
                );
            }
            Self::Failed(error) => error,
        };
        if let Some(cause) = &error.cause {
            tracing::error!(error = error.code.as_str(), cause, "a page failed");
        }
        match error.code {
            ErrorCode::NotFound => {
                bare_notice(StatusCode::NOT_FOUND, "Not found", "There is no page at this address.")
            }
            ErrorCode::TemporarilyUnavailable => {
                let page = bare_notice(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "We will be right back",
                    "The service cannot be reached at the moment. Nothing was lost; please try again shortly.",
                );
                try_again_after(Some(UNAVAILABLE_RETRY_AFTER), page)
            }
            ErrorCode::ServerError => bare_notice(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong",
                "That was our mistake, and it was noted. Please try again.",
            ),
            ErrorCode::TooLarge => {
                bare_notice(StatusCode::PAYLOAD_TOO_LARGE, "Too much", "That was more than we can read.")
            }
            _ => bare_notice(
                StatusCode::BAD_REQUEST,
                "We could not read that",
                "Please go back to the page, load it anew and try again.",
            ),
        }
    }
}
