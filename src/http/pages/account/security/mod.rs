//! `/account/security`: how one signs in. All of it needs a recent sign-in, with all that the person has.

mod authenticator;
mod overview;
mod password;
mod recovery_codes;
mod removal;
mod shared;
pub mod views;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::app::App;
use shared::HERE;

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(HERE, get(overview::show))
        .route("/account/security/password", get(password::show).post(password::change))
        .route("/account/security/authenticator", get(authenticator::show).post(authenticator::set_up))
        .route("/account/security/recovery-codes", get(recovery_codes::show).post(recovery_codes::renew))
        .route("/account/security/remove-authenticator", get(removal::show).post(removal::remove))
}
