//! The API's description: `/openapi.json`, and `/docs` to read and try it, without anything from elsewhere.

use std::sync::Arc;

use axum::Router;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_swagger_ui::SwaggerUi;

use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Latchkey",
        description = "OAuth 2.0 device authorization (RFC 8628). Every path also answers below `/t/{tenant}` for \
                       other tenants than the default one, and those of `/oauth` below `/api/v1`."
    ),
    tags(
        (name = "OAuth Device Flow", description = "How a device signs in (RFC 8628) and stays so (RFC 6749 §6)"),
        (name = "Discovery", description = "What a client or resource server needs to know (RFC 8414, RFC 7517)"),
    )
)]
pub(super) struct ApiDescription;

/// The whole document, with every path.
#[must_use]
pub fn document() -> Document {
    super::oauth::router().into_openapi()
}

/// The routes that show `document`.
pub fn router(document: Document) -> Router<Arc<App>> {
    SwaggerUi::new("/docs").url("/openapi.json", document).into()
}
