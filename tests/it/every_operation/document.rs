//! What `/openapi.json` says of an operation, and whether an answer is one that it speaks of.

use serde_json::Value;

use crate::support::Answer;
use crate::tenant_isolation::{Operation, operations};

const PROBLEM: &str = "application/problem+json";

/// The document.
pub struct Document(pub Value);

/// An operation with what the document says of it.
pub struct Described<'a> {
    pub operation: Operation,
    document: &'a Value,
    said: &'a Value,
}

impl Document {
    /// All operations, those that end something last.
    pub fn operations(&self) -> Vec<Described<'_>> {
        let described = |operation: Operation| {
            let said = &self.0["paths"][&operation.path][operation.method.as_str().to_lowercase()];
            Described { operation, document: &self.0, said }
        };
        operations(&self.0).into_iter().map(described).collect()
    }
}

impl Described<'_> {
    pub fn id(&self) -> &str {
        &self.operation.id
    }

    /// The statuses that it may answer with.
    pub fn statuses(&self) -> Vec<u16> {
        let responses = self.said["responses"].as_object().expect("responses");
        responses.keys().map(|status| status.parse().expect("a status")).collect()
    }

    pub fn may_answer(&self, status: u16) -> bool {
        self.statuses().contains(&status)
    }

    /// The names of its parameters that are in the `query`, or in the `header`.
    pub fn parameters(&self, place: &str) -> Vec<&str> {
        let all = self.said["parameters"].as_array().into_iter().flatten();
        all.filter(|parameter| parameter["in"] == place)
            .map(|parameter| parameter["name"].as_str().expect("a name"))
            .collect()
    }

    /// The media types that its body may have.
    pub fn takes(&self) -> Vec<&str> {
        let content = self.said["requestBody"]["content"].as_object();
        content.into_iter().flat_map(|types| types.keys()).map(String::as_str).collect()
    }

    /// The scopes that open it to an access token, each by itself; the one that allows least first.
    pub fn scopes(&self) -> Vec<&str> {
        let alternatives = self.said["security"].as_array().into_iter().flatten();
        let scopes = alternatives.filter_map(|alternative| alternative["access_token"].as_array());
        scopes.flatten().filter_map(Value::as_str).collect()
    }

    /// Whether it refuses with problems of RFC 9457.
    pub fn tells_problems(&self) -> bool {
        self.said["responses"].to_string().contains(PROBLEM)
    }

    /// What is wrong with an answer: a status, a media type or a body of which the document does not speak.
    pub fn fault_of(&self, answer: &Answer) -> Option<String> {
        let said = &self.said["responses"][answer.status.as_str()];
        if said.is_null() {
            return Some("the status is not documented".to_owned());
        }
        let Some(content) = said["content"].as_object() else {
            return (!answer.text.is_empty()).then(|| "no body is documented".to_owned());
        };
        let media_type = answer.header("content-type").split(';').next().unwrap_or_default();
        let Some(body) = content.get(media_type) else {
            return Some(format!("the media type {media_type} is not documented"));
        };
        if answer.status == 401 && answer.header("www-authenticate").is_empty() {
            return Some("a 401 without WWW-Authenticate".to_owned());
        }
        self.lacks(&body["schema"], &answer.json).map(|member| format!("the body lacks {member}"))
    }

    /// A member that the schema requires and the body does not have.
    fn lacks(&self, schema: &Value, body: &Value) -> Option<String> {
        if let Some(name) = schema["$ref"].as_str().and_then(|to| to.strip_prefix("#/components/schemas/")) {
            return self.lacks(&self.document["components"]["schemas"][name], body);
        }
        let parts = schema["allOf"].as_array().into_iter().flatten();
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let items = body.as_array().and_then(|items| items.first());
        required
            .filter(|name| body.get(name).is_none())
            .map(ToOwned::to_owned)
            .next()
            .or_else(|| parts.into_iter().find_map(|part| self.lacks(part, body)))
            .or_else(|| items.and_then(|item| self.lacks(&schema["items"], item)))
    }
}
