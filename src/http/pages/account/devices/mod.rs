//! `/account/devices`: the devices a person connected, and the browsers they are signed in with.

mod overview;
pub mod views;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;
use overview::HERE;

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(HERE, get(overview::show))
        .route("/account/devices/rename", post(overview::rename))
        .route("/account/devices/lock", post(overview::lock_one))
        .route("/account/devices/unlock", post(overview::unlock_one))
        .route("/account/devices/distrust", post(overview::distrust))
        .route("/account/devices/disconnect", post(overview::disconnect))
        .route("/account/browsers/end", post(overview::end_browser))
        .route("/account/sign-out-everywhere", post(overview::sign_out_everywhere))
}
