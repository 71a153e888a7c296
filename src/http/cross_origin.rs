//! Endpoints for programs in browsers and on televisions (the Fetch standard's CORS protocol).

use std::sync::Arc;

use axum::http::{HeaderName, Method, header};
use tower_http::cors::{Any, CorsLayer};
use utoipa_axum::router::OpenApiRouter;

use super::unrouted::method_not_allowed;
use crate::app::App;

/// Opens endpoints to programs in browsers and on televisions, wherever they come from. What refuses wrong methods
/// must lie beneath: put on later, it would refuse the OPTIONS of a preflight.
pub(super) fn open_to_all_origins<const N: usize>(
    endpoints: OpenApiRouter<Arc<App>>,
    methods: [Method; N],
) -> OpenApiRouter<Arc<App>> {
    let (router, document) = endpoints.split_for_parts();
    let router = router.method_not_allowed_fallback(method_not_allowed).layer(cross_origin(methods));
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
