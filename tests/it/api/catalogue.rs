//! An administrator's program, and what it asks.

use reqwest::Method;
use serde_json::Value;

use crate::support::device::send;
use crate::support::{Answer, Device, Person, TestServer};

const SCOPES: &str = "openid admin clients";

/// A server with an administrator and her program.
pub struct Office {
    pub server: TestServer,
    pub grace: Person,
    pub console: Device,
    pub token: String,
}

impl Office {
    pub async fn build() -> Self {
        Self::on(TestServer::start().await).await
    }

    pub async fn on(server: TestServer) -> Self {
        let console = server.public_client("console", SCOPES).await;
        let grace = server.person("grace", &["admin"]).await;
        let token = console.connect(&grace, SCOPES).await.string("access_token");
        Self { server, grace, console, token }
    }

    /// Asks as the administrator.
    pub async fn ask(&self, method: Method, path: &str) -> Answer {
        self.ask_as(&self.token, method, path, None).await
    }

    /// Asks as the administrator, with a body.
    pub async fn tell(&self, method: Method, path: &str, body: Value) -> Answer {
        self.ask_as(&self.token, method, path, Some(body)).await
    }

    /// Asks with this token.
    pub async fn ask_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request =
            self.server.http.request(method, format!("{}{path}", self.server.base)).bearer_auth(token);
        send(if let Some(body) = body { request.json(&body) } else { request }).await
    }

    /// Asks for a change of one version only.
    pub async fn tell_if(&self, method: Method, path: &str, version: &str, body: Value) -> Answer {
        let request = self.server.http.request(method, format!("{}{path}", self.server.base));
        send(request.bearer_auth(&self.token).header("if-match", version).json(&body)).await
    }
}
