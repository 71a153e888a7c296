//! The pages for people. They work without JavaScript and load nothing from elsewhere.

pub mod account;
mod api_reference;
pub mod assets;
pub(super) mod bare_notice;
pub mod browser;
mod browser_names;
pub mod carried_code;
mod code_page;
pub mod consent;
pub mod consent_choices;
pub mod console;
pub mod csrf;
pub mod destination;
pub mod device;
pub mod device_labels;
pub mod device_words;
pub mod first_administrator;
mod language_switch;
pub(in crate::http) mod linked_codes;
pub mod not_me;
pub(super) mod page;
mod password_words;

pub(super) mod page_error;
mod report;
pub mod risk_words;
pub mod set_password;
pub mod sign_in;
mod sign_in_code;
pub mod sign_out;
mod signing_browser;
pub mod theme;
pub mod views;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/device", get(device::show).post(device::enter))
        .route("/device/consent", get(consent::show).post(consent::decide))
        .route("/set-password", get(set_password::show).post(set_password::choose))
        .route("/first-administrator", get(first_administrator::show).post(first_administrator::create))
        .route("/device/report", post(report::report))
        .route("/device/not-me", get(not_me::show).post(not_me::disown))
        .route("/language", post(language_switch::choose))
        .route("/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/sign-in/code", get(sign_in_code::show).post(sign_in_code::enter))
        .route("/sign-out", post(sign_out::sign_out))
        .route(&assets::STYLESHEET_PATH, get(assets::stylesheet))
        .route(&assets::FAVICON_PATH, get(assets::favicon))
        .merge(api_reference::router())
        .merge(theme::router())
        .merge(account::router())
        .merge(console::router())
}
