//! The endpoints for programs that are no OAuth clients, by their addresses.

mod account_clients;
pub mod admin;
mod consent;
mod consent_refusals;
mod devices;
mod devices_ending;
mod devices_refusals;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::Value;

use crate::support::device::send;
use crate::support::{Answer, Device, Person, TestServer};

const SCOPES: &str = "openid offline_access devices";

/// A server, and a person with a television whose program may look after her devices.
pub struct Home {
    pub server: TestServer,
    pub tv: Device,
    pub ada: Person,
    pub tokens: Answer,
}

impl Home {
    pub async fn build() -> Self {
        let server = TestServer::start().await;
        let tv = server.public_client("tv", SCOPES).await;
        let ada = server.ada().await;
        let tokens = tv.connect(&ada, SCOPES).await;
        Self { server, tv, ada, tokens }
    }

    /// Another device of hers.
    pub async fn another(&self) -> Answer {
        self.tv.connect(&self.ada, SCOPES).await
    }

    /// Asks as her television.
    pub async fn ask(&self, method: Method, path: &str) -> Answer {
        self.ask_with(method, path, &self.tokens).await
    }

    /// Asks with these tokens.
    pub async fn ask_with(&self, method: Method, path: &str, tokens: &Answer) -> Answer {
        let request = self.server.http.request(method, format!("{}{path}", self.server.base));
        send(request.bearer_auth(tokens.string("access_token"))).await
    }

    /// Asks as her television, with a body.
    pub async fn tell(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.server.http.request(method, format!("{}{path}", self.server.base));
        send(request.bearer_auth(self.tokens.string("access_token")).json(body)).await
    }

    /// The path of the television.
    pub fn here(&self) -> String {
        path_of(&self.tokens)
    }

    /// The identifiers in her list.
    pub async fn listed(&self) -> Vec<String> {
        let list = self.ask(Method::GET, "/devices").await;
        let devices = list.json.as_array().unwrap_or_else(|| panic!("no list: {list:?}"));
        devices.iter().map(|device| device["id"].as_str().expect("an id").to_owned()).collect()
    }
}

/// The identifier of the device that holds these tokens.
pub fn id_of(tokens: &Answer) -> String {
    let token = tokens.string("access_token");
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("a JWT")).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("claims");
    claims["device_id"].as_str().expect("a device's token").to_owned()
}

/// The path of the device that holds these tokens.
pub fn path_of(tokens: &Answer) -> String {
    format!("/devices/{}", id_of(tokens))
}

impl Answer {
    /// Insists on a problem (RFC 9457) in its whole shape.
    #[track_caller]
    pub fn must_be_problem(&self, status: u16, error: &str) -> &Self {
        assert_eq!((self.status.as_u16(), self.error()), (status, error), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        assert_eq!(self.json["status"], status, "{self:?}");
        assert_eq!(self.json["code"], status, "{self:?}");
        assert_eq!(self.json["type"], format!("urn:latchkey:problem:{error}"), "{self:?}");
        assert_eq!(self.json["instance"], format!("urn:uuid:{}", self.header("x-request-id")), "{self:?}");
        assert_eq!(self.json["detail"], self.json["message"], "{self:?}");
        assert!(self.json["metadata"].is_object(), "{self:?}");
        for member in ["title", "detail", "suggested"] {
            assert!(self.json[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {self:?}");
        }
        let timestamp = self.json["timestamp"].as_str().expect("a timestamp");
        assert!(chrono::DateTime::parse_from_rfc3339(timestamp).is_ok(), "{self:?}");
        self
    }

    /// Insists that this field, and no other, is what the problem is about.
    #[track_caller]
    pub fn must_name(&self, field: &str) -> &Self {
        self.must_be_problem(422, "validation_failed");
        let errors = self.json["errors"].as_array().expect("errors");
        assert_eq!(errors.len(), 1, "{self:?}");
        assert_eq!(errors[0]["field"], field, "{self:?}");
        assert!(errors[0]["message"].is_string(), "{self:?}");
        self
    }
}
