//! The headers that every answer has.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use uuid::Uuid;

use crate::app::App;
use crate::model::ids::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000");
const TWO_YEARS_WITH_SUBDOMAINS: HeaderValue =
    HeaderValue::from_static("max-age=63072000; includeSubDomains");

pub(super) fn put_on(response: &mut Response, app: &App, id: RequestId) {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if app.config.is_https() {
        let with_subdomains = app.config.server.hsts_include_subdomains;
        let value = if with_subdomains { TWO_YEARS_WITH_SUBDOMAINS } else { TWO_YEARS };
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    if let Ok(value) = HeaderValue::from_str(id.0.hyphenated().encode_lower(&mut Uuid::encode_buffer())) {
        headers.insert(REQUEST_ID, value);
    }
}
