//! HTTP: what is at which address. A handler reads the request, calls one function of [`crate::domain`], and
//! writes the answer.

pub mod address;
mod answering;
mod asked;
pub mod basic;
pub mod bearer;
mod challenge;
mod conditional;
mod connections;
mod cross_origin;
mod delivered;
pub mod dpop;
mod fit;
pub mod health;
mod json;
mod later;
mod no_room;
pub mod oauth;
pub mod oauth_endpoint_error;
pub mod openapi;
pub mod operations;
pub mod origin;
pub mod pages;
pub mod parameters;
pub mod prefer;
mod request_log;
pub mod response_headers;
pub mod rest;
mod retry_after;
pub mod server;
pub mod site;
mod surface;
mod unrouted;
mod within;

use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;

use crate::app::App;
pub use answering::answer;
use asked::Slug;
pub use connections::{Answered, Coming, Peer, Unreadable};
use site::Site;
use unrouted::{method_not_allowed, not_found};

pub fn router(app: &Arc<App>) -> Router {
    let (programs, document) = oauth::router().merge(rest::router()).split_for_parts();
    programs
        .merge(pages::router())
        .merge(health::router())
        .merge(openapi::router(document))
        .route(
            "/",
            get(async |slug: Slug, site: Site| Redirect::to(&format!("{}/device", site.prefix(&slug.0)))),
        )
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(Arc::clone(app))
}
