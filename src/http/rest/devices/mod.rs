//! `/devices`: a person's own devices, for programs of theirs and for a front end on the same origin.

pub mod body;
pub mod list;
pub mod lock;
pub mod one;
mod own;
pub mod problems;

use std::sync::Arc;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::list, list::delete_all))
        .routes(routes!(one::show, one::update, one::replace, one::delete))
        .routes(routes!(lock::lock))
        .routes(routes!(lock::unlock))
}
