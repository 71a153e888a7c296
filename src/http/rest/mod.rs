//! The REST endpoints: for a person's own programs and for administration. Errors are RFC 9457 problems, and nothing
//! here is ever cached.

pub mod account;
pub mod admin;
pub mod body;
pub mod caller;
pub mod devices;
pub mod etag;
pub mod paging;
pub mod path;
pub mod problem;
pub mod time;

use std::sync::Arc;

use axum::middleware;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

pub fn router() -> OpenApiRouter<Arc<App>> {
    let all = devices::router().merge(admin::router()).merge(account::router());
    let (router, document) = all.split_for_parts();
    OpenApiRouter::with_openapi(document)
        .merge(OpenApiRouter::from(router.layer(middleware::from_fn(caller::offer_csrf_token))))
}
