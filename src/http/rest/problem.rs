//! What is said when a request cannot be answered: `application/problem+json` (RFC 9457).

pub mod causes;
pub mod described;

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::http::challenge;
use crate::http::retry_after::whole_seconds;
use crate::model::ids::RequestId;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A problem. What it needs of the request, its time and identifier, [`complete`] puts into it.
#[derive(Clone, Debug)]
pub struct Problem(Box<Occurrence>);

#[derive(Clone, Debug)]
struct Occurrence {
    status: StatusCode,
    error: &'static str,
    detail: Cow<'static, str>,
    suggested: Cow<'static, str>,
    errors: Vec<FieldError>,
    metadata: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// An invalid field.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Path of the field in the body, such as `metadata.room`, or name of the parameter; empty for the whole
    /// body.
    #[schema(example = "name")]
    pub field: String,
    /// What is wrong with the field.
    #[schema(
        example = "at most 128 characters, without control or direction characters or words of mixed alphabets"
    )]
    pub message: String,
}

/// A problem (RFC 9457 §3).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// URN of the kind of problem; ends in `error`.
    #[serde(rename = "type")]
    #[schema(example = "urn:latchkey:problem:device_not_found")]
    pub kind: String,
    /// Title of the kind of problem.
    #[schema(example = "Not Found")]
    pub title: &'static str,
    /// HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened.
    #[schema(example = "Device not found.")]
    pub detail: String,
    /// Request ID, as in `X-Request-Id`.
    #[schema(example = "urn:uuid:019bc0de-7a00-7000-8000-000000000000")]
    pub instance: String,
    /// Error code.
    #[schema(example = "device_not_found")]
    pub error: &'static str,
    /// Same as `detail`.
    #[schema(example = "Device not found.")]
    pub message: String,
    /// What to do next.
    #[schema(example = "List your devices with GET /devices.")]
    pub suggested: String,
    /// Further details.
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// Same as `status`.
    #[schema(example = 404)]
    pub code: u16,
    /// Time of the problem.
    #[schema(value_type = String, format = DateTime, example = "2026-01-15T10:20:00Z")]
    pub timestamp: String,
    /// Invalid fields, with status 422.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of the kind `error`, with what happened and what to do next.
    #[must_use]
    pub fn new(
        status: StatusCode,
        error: &'static str,
        detail: impl Into<Cow<'static, str>>,
        suggested: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Occurrence {
            status,
            error,
            detail: detail.into(),
            suggested: suggested.into(),
            errors: Vec::new(),
            metadata: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// 422: these fields are not what they must be.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [FieldError { field, message }] if !field.is_empty() => format!("{field}: {message}"),
            [FieldError { message, .. }] => message.clone(),
            _ => "Several fields are invalid.".to_owned(),
        };
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation_failed",
            detail,
            "Correct the fields listed in `errors` and try again.",
        );
        problem.0.errors = errors;
        problem
    }

    /// 422: this field is not what it must be.
    #[must_use]
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// 400: this parameter of the query cannot be read.
    #[must_use]
    pub fn bad_parameter(name: &'static str, message: impl Into<String>) -> Self {
        let mut problem = Self::invalid_field(name, message);
        problem.0.status = StatusCode::BAD_REQUEST;
        problem.0.error = "invalid_parameter";
        problem
    }

    #[must_use]
    pub fn error(&self) -> &'static str {
        self.0.error
    }

    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// 403: whoever asks is known, and may not.
    #[must_use]
    pub fn forbidden(detail: &'static str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            detail,
            "Ask an administrator, or sign in as another user.",
        )
    }

    /// 403: a browser sends this, and nothing shows that the person behind it knows.
    #[must_use]
    pub fn foreign_request() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "csrf_token_mismatch",
            "Requests authenticated by cookie need a valid X-CSRF-Token header.",
            "Get X-CSRF-Token with fetch from the same origin (Sec-Fetch-Site: same-origin) and send it \
             back in the same header.",
        )
    }

    /// The same problem, with something else worth knowing.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.metadata.insert(name.to_owned(), value.into());
        self
    }

    /// The same problem, with another header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    #[must_use]
    pub(in crate::http) fn with_challenges(self, challenges: [HeaderValue; 2]) -> Self {
        challenges
            .into_iter()
            .fold(self, |problem, challenge| problem.with_header(header::WWW_AUTHENTICATE, challenge))
    }

    /// 429: too much of something lately.
    #[must_use]
    pub fn too_many(detail: &'static str, retry_after: TimeDelta) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            detail,
            "Wait for the time in `Retry-After`, then try again.",
        )
        .with_header(header::RETRY_AFTER, whole_seconds(retry_after))
    }

    /// 401: nobody says who asks.
    fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthenticated",
            "Authentication is required.",
            "Send an access token in the Authorization header, or sign in at /sign-in.",
        )
        .with_challenges(challenge::access_token(None))
    }

    fn body(self, id: RequestId, now: DateTime<Utc>) -> ProblemBody {
        let Occurrence { status, error, detail, suggested, errors, metadata, headers: _ } = *self.0;
        ProblemBody {
            kind: format!("urn:latchkey:problem:{error}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.clone().into_owned(),
            instance: format!("urn:uuid:{id}"),
            error,
            message: detail.into_owned(),
            suggested: suggested.into_owned(),
            metadata,
            code: status.as_u16(),
            timestamp: now.to_rfc3339_opts(SecondsFormat::Secs, true),
            errors,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        metrics::counter!("latchkey_problems_total", "error" => self.0.error).increment(1);
        crate::noted::refusal(self.0.error, None);
        let mut response = self.0.status.into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in &self.0.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the body of an answer that is a problem.
pub(in crate::http) fn complete(response: &mut Response, app: &App, id: RequestId) {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return };
    let written = Json(problem.body(id, app.clock.now())).into_response();
    *response.body_mut() = written.into_body();
    let headers = response.headers_mut();
    // The router has counted the body that was not there yet.
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
}
