//! The OAuth endpoints. Errors are RFC 6749 §5.2 bodies, and nothing here is ever cached.

pub mod consent;
pub mod consent_body;
pub mod consent_error;
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

use axum::http::Method;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cross_origin::open_to_all_origins;
use super::openapi::ApiDescription;
use super::rest::caller::with_csrf_token;
use crate::app::App;

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
