//! The headers that every answer has.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use uuid::Uuid;

use crate::app::App;
use crate::model::ids::RequestId;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TWO_YEARS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Puts them on.
pub(super) fn put_on(response: &mut Response, app: &App, id: RequestId) {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if app.config.is_https() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, TWO_YEARS);
    }
    if let Ok(value) = HeaderValue::from_str(id.0.hyphenated().encode_lower(&mut Uuid::encode_buffer())) {
        headers.insert(REQUEST_ID, value);
    }
}
