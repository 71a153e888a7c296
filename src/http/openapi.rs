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
        description = "OAuth 2.0 device authorization (RFC 8628). Every path also answers below `/t/{tenant}` for \
                       other tenants than the default one, and below `/api` and `/api/v1` where it is for programs. A \
                       parameter of a query that has no value, as in `?status=&limit=10`, counts as not given."
    ),
    modifiers(&SecuritySchemes),
    components(schemas(ProblemBody, FieldError)),
    tags(
        (name = "OAuth Device Flow", description = "How a device signs in (RFC 8628) and stays so (RFC 6749 §6)"),
        (name = "OAuth Tokens", description = "What tokens are worth, and giving them back (RFC 7662, RFC 7009, OpenID \
            Connect Core §5.3)"),
        (name = "Devices", description = "The devices that a person connected: to see, name, lock and disconnect them"),
        (name = "Your apps", description = "The clients that a person created"),
        (name = "OAuth Registration", description = "Clients that register themselves (RFC 7591, RFC 7592)"),
        (name = "Administration", description = "Everything of a tenant, for its administrators and auditors"),
        (name = "Discovery", description = "What a client or resource server needs to know (RFC 8414, RFC 7517)"),
    )
)]
pub(super) struct ApiDescription;

/// How callers say who they are.
struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        for (name, scheme, description) in [
            ("client", HttpAuthScheme::Basic, "The client's identifier and secret (RFC 6749 §2.3.1)"),
            ("access_token", HttpAuthScheme::Bearer, "An access token (RFC 6750 §2.1)"),
        ] {
            let mut http = Http::new(scheme);
            http.description = Some(description.to_owned());
            components.add_security_scheme(name, SecurityScheme::Http(http));
        }
        let cookie = "The cookie of a signed-in browser; `__Host-latchkey` over https, with the tenant's name after a dot";
        let browser = ApiKey::Cookie(ApiKeyValue::with_description("latchkey", cookie));
        components.add_security_scheme("browser_session", SecurityScheme::ApiKey(browser));
        let token = "With the cookie, on every method but GET: the token that answers to GET carry in the same header. A GET needs \
                     it only where the browser does not say `Sec-Fetch-Site: same-origin`";
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
