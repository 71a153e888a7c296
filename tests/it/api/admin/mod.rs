//! Administration.

mod activity;
mod audit_log;
mod auditors;
mod catalogue;
mod clients;
mod deeds;
mod device_authorization_pages;
mod device_authorizations;
mod devices;
mod refusals;
mod tenants;
mod users;
mod webhooks;

use reqwest::Method;
use serde_json::Value;

use crate::support::device::send;
use crate::support::{Answer, Device, TestServer};

/// A server with an administrator, who works with a program of her own, and an auditor.
pub struct Office {
    pub server: TestServer,
    pub console: Device,
    pub tv: Device,
    pub admin: Answer,
}

impl Office {
    pub async fn build() -> Self {
        // Some tests are about what happens later.
        Self::at(TestServer::with(|config| config.tokens.access_lifetime_seconds = 3_600).await).await
    }

    pub async fn at(server: TestServer) -> Self {
        let console = server.public_client("console", "openid offline_access admin").await;
        let tv = server.tv().await;
        let root = server.person("root", &["admin"]).await;
        let admin = console.connect(&root, "openid admin").await;
        Self { server, console, tv, admin }
    }

    /// Asks as the administrator.
    pub async fn ask(&self, method: Method, path: &str) -> Answer {
        self.ask_with(method, path, &self.admin).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    pub async fn post(&self, path: &str) -> Answer {
        self.ask(Method::POST, path).await
    }

    /// Asks with these tokens.
    pub async fn ask_with(&self, method: Method, path: &str, tokens: &Answer) -> Answer {
        let request = self.server.http.request(method, format!("{}{path}", self.server.base));
        send(request.bearer_auth(tokens.string("access_token"))).await
    }

    /// Asks as the administrator, with a body.
    pub async fn tell(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.tell_version(method, path, body, "*").await
    }

    /// The same, meant for this version.
    pub async fn tell_version(&self, method: Method, path: &str, body: &Value, version: &str) -> Answer {
        let request = self.server.http.request(method, format!("{}{path}", self.server.base));
        let request = request.bearer_auth(self.admin.string("access_token")).header("if-match", version);
        send(request.json(body)).await
    }

    /// An administrator's tokens of another tenant.
    pub async fn of_another_tenant(&self) -> (Answer, String) {
        let (acme, base) = self.server.tenant("acme").await;
        let console = self.server.client_of(acme, &base, "console", "openid admin", |_| ()).await;
        let root = self.server.person_of(acme, &base, "root", &["admin"]).await;
        (console.connect(&root, "openid admin").await, "/t/acme".to_owned())
    }

    /// Everything but a sound administrator is turned away from these.
    pub async fn must_be_closed(&self, method: Method, path: &str) {
        let bare =
            send(self.server.http.request(method.clone(), format!("{}{path}", self.server.base))).await;
        assert_eq!((bare.status.as_u16(), bare.error()), (401, "unauthenticated"), "{bare:?}");
        let eve =
            self.server.person(&format!("eve{}", self.server.clock.now().timestamp_micros()), &[]).await;
        let plain = self.tv.connect(&eve, "openid").await;
        let answer = self.ask_with(method, path, &plain).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (403, "insufficient_scope"), "{answer:?}");
        self.server.clock.advance(61.0);
    }
}
