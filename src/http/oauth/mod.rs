//! The OAuth endpoints. Errors are RFC 6749 §5.2 bodies, and nothing here is ever cached.

pub mod consent;
pub mod consent_body;
pub mod consent_refusal;
pub mod device_authorization;
pub mod introspect;
pub mod jwks;
pub mod metadata;
pub mod qr;
pub mod register;
pub mod revoke;
pub mod token;
pub mod userinfo;

use std::sync::Arc;

use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tower_http::cors::{Any, CorsLayer};
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::openapi::ApiDescription;
use super::rest::caller::offer_csrf_token;
use super::{challenge, method_not_allowed, no_store, whole_seconds};
use crate::app::App;
use crate::domain::oauth_error::{ErrorCode, LOCKED_RETRY_AFTER, OAuthError, UNAVAILABLE_RETRY_AFTER};
use crate::noted;

pub fn router() -> OpenApiRouter<Arc<App>> {
    let protocol = OpenApiRouter::new()
        .routes(routes!(device_authorization::create))
        .routes(routes!(token::create))
        .routes(routes!(revoke::create));
    let userinfo = OpenApiRouter::new().routes(routes!(userinfo::show, userinfo::show_to_form));
    let consent = OpenApiRouter::new().routes(routes!(consent::show, consent::decide));
    let discovery = OpenApiRouter::new()
        .routes(routes!(jwks::show))
        .routes(routes!(metadata::authorization_server))
        .routes(routes!(metadata::openid_provider));
    OpenApiRouter::with_openapi(ApiDescription::openapi())
        .merge(open_to_all_origins(protocol, [Method::POST]))
        .merge(open_to_all_origins(userinfo, [Method::GET, Method::POST]))
        .merge(with_csrf_token(open_to_all_origins(consent, [Method::GET, Method::POST])))
        .merge(open_to_all_origins(discovery, [Method::GET]))
        // Resource servers ask, and no program in a browser.
        .routes(routes!(introspect::create))
        .routes(routes!(register::create))
        .routes(routes!(register::show, register::replace, register::delete))
        .routes(routes!(qr::show))
}

/// Opens endpoints to programs in browsers and on televisions, wherever they come from. What refuses wrong methods
/// must lie beneath: put on later, it would refuse the OPTIONS of a preflight.
fn open_to_all_origins<const N: usize>(
    endpoints: OpenApiRouter<Arc<App>>,
    methods: [Method; N],
) -> OpenApiRouter<Arc<App>> {
    let (router, document) = endpoints.split_for_parts();
    let router = router.method_not_allowed_fallback(method_not_allowed).layer(cross_origin(methods));
    OpenApiRouter::with_openapi(document).merge(OpenApiRouter::from(router))
}

/// Hands a signed-in browser the token that its decision must show.
fn with_csrf_token(endpoints: OpenApiRouter<Arc<App>>) -> OpenApiRouter<Arc<App>> {
    let (router, document) = endpoints.split_for_parts();
    let router = router.layer(middleware::from_fn(offer_csrf_token));
    OpenApiRouter::with_openapi(document).merge(OpenApiRouter::from(router))
}

/// The headers of a request that endpoints for programs in browsers read.
const READ_HEADERS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("dpop"),
    header::IF_NONE_MATCH,
    HeaderName::from_static("prefer"),
];
/// The headers of their answers that a program may want to know.
const WRITTEN_HEADERS: [HeaderName; 7] = [
    header::ALLOW,
    HeaderName::from_static("dpop-nonce"),
    header::ETAG,
    HeaderName::from_static("preference-applied"),
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    HeaderName::from_static("x-request-id"),
];

/// Any origin; never with cookies.
fn cross_origin<const N: usize>(methods: [Method; N]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(methods)
        .allow_headers(READ_HEADERS)
        .expose_headers(WRITTEN_HEADERS)
        .max_age(std::time::Duration::from_hours(1))
}

/// An OAuth error body (RFC 6749 §5.2).
#[derive(Debug, Serialize, ToSchema)]
pub struct OAuthErrorBody {
    /// The error code, such as `authorization_pending`.
    #[schema(example = "authorization_pending")]
    pub error: &'static str,
    /// Description for developers.
    #[schema(example = "The user has not decided yet.")]
    pub error_description: &'static str,
    /// Attempts left after a wrong `confirmation_code`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_attempts_left: Option<u8>,
}

/// An [`OAuthError`] as an answer.
#[derive(Debug)]
pub struct OAuthRefusal(OAuthError);

impl From<OAuthError> for OAuthRefusal {
    fn from(error: OAuthError) -> Self {
        Self(error)
    }
}

impl From<OAuthRefusal> for OAuthError {
    fn from(refusal: OAuthRefusal) -> Self {
        refusal.0
    }
}

impl IntoResponse for OAuthRefusal {
    fn into_response(self) -> Response {
        let OAuthError { code, description, cause } = self.0;
        metrics::counter!("latchkey_oauth_errors_total", "error" => code.as_str()).increment(1);
        noted::refusal(code.as_str(), Some(description));
        if let Some(cause) = cause {
            tracing::error!(error = code.as_str(), cause, "request failed");
        }
        let confirmation_attempts_left = match code {
            ErrorCode::WrongConfirmation { attempts_left } => Some(attempts_left),
            _ => None,
        };
        let body = OAuthErrorBody {
            error: code.as_str(),
            error_description: description,
            confirmation_attempts_left,
        };
        let mut response = (status(code), no_store(body)).into_response();
        let headers = response.headers_mut();
        match code {
            // Only whoever used the header, or had to, is challenged (RFC 6749 §5.2): libraries report a challenge
            // instead of the error.
            ErrorCode::UnauthenticatedClient => {
                headers.insert(header::WWW_AUTHENTICATE, challenge::client_authentication());
            }
            ErrorCode::TooManyRequests { retry_after } => {
                headers.insert(header::RETRY_AFTER, whole_seconds(retry_after));
            }
            ErrorCode::TemporarilyUnavailable => {
                headers.insert(header::RETRY_AFTER, whole_seconds(UNAVAILABLE_RETRY_AFTER));
            }
            ErrorCode::Locked => {
                headers.insert(header::RETRY_AFTER, whole_seconds(LOCKED_RETRY_AFTER));
            }
            _ => {}
        }
        response
    }
}

/// The status of an answer with this error.
pub(in crate::http) fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::UnauthenticatedClient => StatusCode::UNAUTHORIZED,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        ErrorCode::TargetTooLong => StatusCode::URI_TOO_LONG,
        ErrorCode::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        ErrorCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::TemporarilyUnavailable | ErrorCode::Locked => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}
