//! The API's description: `/openapi.json`, and `/docs` to read and try it, without anything from elsewhere.

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Latchkey",
        description = "OAuth 2.0 device authorization (RFC 8628). Every path also answers below `/t/{tenant}` for \
                       other tenants than the default one, and those of `/oauth` below `/api/v1`."
    ),
    modifiers(&SecuritySchemes),
    tags(
        (name = "OAuth Device Flow", description = "How a device signs in (RFC 8628) and stays so (RFC 6749 §6)"),
        (name = "OAuth Tokens", description = "What tokens are worth, and giving them back (RFC 7662, RFC 7009, OpenID \
            Connect Core §5.3)"),
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
    }
}

/// The whole document, with every path.
#[must_use]
pub fn document() -> Document {
    super::oauth::router().into_openapi()
}

/// The routes that show `document`.
pub fn router(document: Document) -> Router<Arc<App>> {
    SwaggerUi::new("/docs").url("/openapi.json", document).into()
}
