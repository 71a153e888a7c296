//! Pages of the console as answers.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::visitor::Visitor;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::http::pages::page_error::PageError;

/// Nothing but our own stylesheets, forms and the one script, which asks only this server.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'",
);

/// A page of the console as an answer.
pub(super) fn answer(visitor: Visitor, status: StatusCode, page: &impl askama::Template) -> Response {
    let mut response = visitor.browser.show(status, page);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

/// There is no such thing in this tenant.
pub(super) fn nothing_here() -> PageError {
    PageError::Failed(OAuthError::new(ErrorCode::NotFound, "There is nothing at this address."))
}
