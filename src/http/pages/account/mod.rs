//! `/account`: what people do with their own account.

pub mod devices;
pub mod security;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

/// The routes.
pub fn router() -> Router<Arc<App>> {
    devices::router().merge(security::router())
}
