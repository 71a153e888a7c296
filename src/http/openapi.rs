//! The API's description: `/openapi.json`; `/docs` shows it.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, RefOr, Required};
use utoipa::{Modify, OpenApi};

use super::rest::problem::{FieldError, ProblemBody};
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Latchkey",
        description = "OAuth 2.0 device authorization server (RFC 8628). Other tenants are served under \
            `/t/{tenant}`; endpoints for programs also under `/api` and `/api/v1`. Query parameters \
            without a value, such as `?status=`, are ignored."
    ),
    modifiers(&SecuritySchemes),
    components(schemas(ProblemBody, FieldError)),
    tags(
        (name = "OAuth Device Flow", description = "Device authorization and tokens (RFC 8628, RFC 6749)"),
        (name = "OAuth Tokens", description = "Introspection, revocation, userinfo (RFC 7662, RFC 7009, OpenID Connect Core §5.3)"),
        (name = "Devices", description = "Your connected devices"),
        (name = "Your apps", description = "Clients you own"),
        (name = "OAuth Registration", description = "Dynamic client registration (RFC 7591, RFC 7592)"),
        (name = "Administration", description = "Manage a tenant (roles admin and auditor)"),
        (name = "Discovery", description = "Metadata and public keys (RFC 8414, RFC 7517)"),
    )
)]
pub(super) struct ApiDescription;

/// How callers say who they are.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        for (name, scheme, description) in [
            ("client", HttpAuthScheme::Basic, "Client ID and client secret (RFC 6749 §2.3.1)"),
            ("access_token", HttpAuthScheme::Bearer, "An access token (RFC 6750 §2.1)"),
        ] {
            let mut http = Http::new(scheme);
            http.description = Some(description.to_owned());
            components.add_security_scheme(name, SecurityScheme::Http(http));
        }
        let cookie = "Cookie of a signed-in browser: `__Host-latchkey` over https, followed by a dot and \
            the tenant slug";
        let browser = ApiKey::Cookie(ApiKeyValue::with_description("latchkey", cookie));
        components.add_security_scheme("browser_session", SecurityScheme::ApiKey(browser));
        let token = "Required with the cookie on every method but GET: the value of the same header in a \
            previous GET response. Required for GET only if the browser does not send `Sec-Fetch-Site: \
            same-origin`";
        let csrf = ApiKey::Header(ApiKeyValue::with_description("X-CSRF-Token", token));
        components.add_security_scheme("csrf_token", SecurityScheme::ApiKey(csrf));
    }
}

/// The whole document, with every path.
#[must_use]
pub fn document() -> Document {
    allowing_empty_values(super::oauth::router().merge(super::rest::router()).into_openapi())
}

/// The route of the document of all paths.
pub fn router(paths: Document) -> Router<Arc<App>> {
    let document = Arc::new(allowing_empty_values(paths));
    Router::new().route("/openapi.json", get(async move || Json(document)))
}

/// Says of each optional parameter of a query that it may be sent without a value, which counts as not sent.
fn allowing_empty_values(mut document: Document) -> Document {
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        let parameters =
            operations.into_iter().flatten().filter_map(|operation| operation.parameters.as_mut());
        for parameter in parameters.flatten() {
            let RefOr::T(parameter) = parameter else { continue };
            if parameter.parameter_in == ParameterIn::Query && parameter.required != Required::True {
                // A field of the Parameter Object for which utoipa has no name.
                let more = parameter.extensions.get_or_insert_default();
                more.insert("allowEmptyValue".to_owned(), true.into());
            }
        }
    }
    document
}
