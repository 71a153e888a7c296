//! A JSON object as a body: one media type, bounded, read strictly.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::problem::Problem;
use crate::app::App;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::http::parameters::{collect, in_time};
use crate::model::strict_json;

/// What the request's body says. `T` must deny unknown fields (`serde(deny_unknown_fields)`): what nobody reads is
/// refused rather than ignored.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let error =
                OAuthError::new(ErrorCode::UnsupportedMediaType, "The body must be application/json.");
            return Err(error.into());
        }
        let (parts, body) = request.into_parts();
        let body = in_time(app, collect(&parts.headers, body, app.config.server.max_body_bytes)).await?;
        read(&body).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let members = strict_json::object(body).map_err(|_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_json",
            "The body must be a UTF-8 JSON object without repeated members.",
            "Send a single JSON object.",
        )
    })?;
    // PostgreSQL stores no text with it.
    if let Some((field, _)) = members.iter().find(|(_, value)| holds_nul(value)) {
        return Err(Problem::invalid_field(field, "must not contain a NUL character"));
    }
    serde_path_to_error::deserialize(Value::Object(members)).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        let field = if path == "." { named(&message).unwrap_or_default() } else { &path };
        Problem::invalid_field(field, message.clone())
    })
}

/// The field that is missing, or that nobody knows: the path does not lead to it, because it is not there.
fn named(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("missing field `").or_else(|| message.strip_prefix("unknown field `"))?;
    rest.split('`').next()
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::model::patch::Patch;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        needed: u8,
        #[serde(default)]
        name: Patch<String>,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only its type matters")]
        size: u8,
    }

    #[test]
    fn what_is_right_is_read() {
        let body: Body = read(br#"{"needed":1,"name":null,"list":[{"size":2}]}"#).unwrap();
        assert_eq!((body.needed, body.name, body.list.len()), (1, Patch::Clear, 1));
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        for (json, field) in [
            (r#"{"needed":"x"}"#, "\"needed\""),
            (r#"{"needed":1,"name":3}"#, "\"name\""),
            (r#"{"needed":1,"list":[{"size":1},{"size":-1}]}"#, "\"list[1].size\""),
            (r#"{"needed":1,"trusted":true}"#, "\"trusted\""),
            (r#"{"needed":1,"list":[{"size":1,"more":1}]}"#, "\"list[0].more\""),
            (r#"{"name":"x"}"#, "\"needed\""),
            (r#"{"needed":1,"name":"a\u0000b"}"#, "\"name\""),
        ] {
            let problem = format!("{:?}", read::<Body>(json.as_bytes()).unwrap_err());
            assert!(problem.contains("validation_failed"), "{json}: {problem}");
            assert!(problem.contains(&format!("field: {field}")), "{json}: {problem}");
        }
    }

    #[test]
    fn what_is_no_object_of_distinct_members_is_malformed() {
        for json in ["[]", "1", "{", "", r#"{"needed":1,"needed":1}"#, "{}{}"] {
            let problem = format!("{:?}", read::<Body>(json.as_bytes()).unwrap_err());
            assert!(problem.contains("malformed_json"), "{json}: {problem}");
        }
    }
}
