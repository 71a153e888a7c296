//! A thing as an answer, with its version.

use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::etag::etag;
use crate::http::json::no_store;
use crate::model::version::Version;

/// The body that describes a thing, and the thing's version, which becomes its `ETag` (RFC 9110 §8.8.3).
#[derive(Debug)]
pub struct Versioned<B> {
    pub version: Version,
    pub body: B,
}

impl<B: Serialize> IntoResponse for Versioned<B> {
    fn into_response(self) -> Response {
        ([etag(self.version)], no_store(self.body)).into_response()
    }
}
