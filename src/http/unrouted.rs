//! Refusals of requests that no handler answers, each in the shape that its reader expects.

use axum::body::Body;
use axum::http::Request;
use axum::response::{IntoResponse, Redirect, Response};

use super::address::Address;
use super::oauth_endpoint_error::OAuthEndpointError;
use super::pages::page_error::PageError;
use super::rest::problem::Problem;
use super::site::Site;
use super::surface::Reader;
use crate::app::App;
use crate::domain::oauth_error::{ErrorCode, OAuthError};

/// Refuses a request for this path, in the shape of whoever reads it.
pub(super) fn refuse(path: &str, error: OAuthError) -> Response {
    match Reader::of(path) {
        Reader::Person => PageError::from(error).into_response(),
        Reader::OAuthClient => OAuthEndpointError::from(error).into_response(),
        Reader::RestClient => Problem::from(error).into_response(),
    }
}

/// Redirects pages to https; rejects other plain-HTTP requests, whose secrets are already exposed.
pub(super) fn refuse_plain_http(app: &App, address: &Address, site: &Site) -> Response {
    if Reader::of(&address.path) == Reader::Person {
        return Redirect::to(&format!("{}{}", site.base(app, &address.slug), address.path)).into_response();
    }
    refuse(&address.path, OAuthError::invalid_request("Use https."))
}

/// Most likely the database hangs; whatever was begun there is rolled back.
pub(super) fn took_too_long(path: &str) -> Response {
    tracing::error!(path, "request timed out");
    let error = OAuthError::new(ErrorCode::TemporarilyUnavailable, "The request timed out; try again later.");
    refuse(path, error)
}

pub(super) async fn not_found(request: Request<Body>) -> Response {
    refuse(request.uri().path(), OAuthError::new(ErrorCode::NotFound, "There is nothing at this URL."))
}

pub(super) async fn method_not_allowed(request: Request<Body>) -> Response {
    let error = OAuthError::new(ErrorCode::MethodNotAllowed, "This URL does not support that method.");
    refuse(request.uri().path(), error)
}
