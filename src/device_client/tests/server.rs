//! An authorization server that answers from a script, and a clock that only moves when somebody waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::device_client::Clock;

/// Time that passes at once.
#[derive(Clone, Default)]
pub(crate) struct ScriptedClock(Arc<Mutex<Duration>>);

impl ScriptedClock {
    fn advance(&self, span: Duration) {
        *self.0.lock().unwrap() += span;
    }
}

impl Clock for ScriptedClock {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, span: Duration) {
        self.advance(span);
    }
}

/// One answer of the token endpoint.
pub(crate) struct Scripted {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: Value,
    held: Duration,
}

impl Scripted {
    pub(crate) fn error(code: &str) -> Self {
        Self { status: 400, headers: Vec::new(), body: json!({"error": code}), held: Duration::ZERO }
    }

    pub(crate) fn tokens(body: Value) -> Self {
        Self { status: 200, body, ..Self::error("") }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { status, body: json!("sorry"), ..Self::error("") }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn with(mut self, member: &str, value: Value) -> Self {
        self.body[member] = value;
        self
    }

    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.held = Duration::from_secs(seconds);
        self
    }
}

/// A request to one of the endpoints, and when it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: u64,
    pub(crate) headers: HeaderMap,
    pub(crate) form: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Clone)]
pub(crate) struct ScriptedServer {
    pub(crate) issuer: String,
    pub(crate) clock: ScriptedClock,
    script: Arc<Mutex<VecDeque<Scripted>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl ScriptedServer {
    pub(crate) async fn start(script: impl IntoIterator<Item = Scripted>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            issuer: format!("http://{}/t/acme", listener.local_addr().unwrap()),
            clock: ScriptedClock::default(),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            seen: Arc::default(),
        };
        // Only the second well-known address exists, so that every flow here also tries the first.
        let router = Router::new()
            .route("/t/acme/.well-known/openid-configuration", get(metadata))
            .route("/device", post(device))
            .route("/token", post(token))
            .with_state(server.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// What came in: the start of the flow, then the polls.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn polled_at(&self) -> Vec<u64> {
        self.seen().iter().skip(1).map(|seen| seen.at).collect()
    }

    fn see(&self, headers: HeaderMap, body: &[u8]) {
        let form = url::form_urlencoded::parse(body).into_owned().collect();
        self.seen.lock().unwrap().push(Seen { at: self.clock.now().as_secs(), headers, form });
    }
}

async fn metadata(State(server): State<ScriptedServer>) -> Json<Value> {
    let base = server.issuer.trim_end_matches("/t/acme");
    Json(json!({
        "issuer": server.issuer,
        "device_authorization_endpoint": format!("{base}/device"),
        "token_endpoint": format!("{base}/token"),
        "dpop_signing_alg_values_supported": ["ES256"],
    }))
}

async fn device(State(server): State<ScriptedServer>, headers: HeaderMap, body: Bytes) -> Json<Value> {
    server.see(headers, &body);
    Json(json!({
        "device_code": "D3V1CE",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://as.example/device",
        "verification_uri_complete": "https://as.example/device?user_code=WDJB-MJHT",
        "expires_in": 300,
    }))
}

async fn token(State(server): State<ScriptedServer>, headers: HeaderMap, body: Bytes) -> Response {
    server.see(headers, &body);
    let scripted = server.script.lock().unwrap().pop_front();
    let scripted = scripted.unwrap_or_else(|| Scripted::error("authorization_pending"));
    server.clock.advance(scripted.held);
    let mut response =
        (StatusCode::from_u16(scripted.status).unwrap(), scripted.body.to_string()).into_response();
    for (name, value) in scripted.headers {
        response.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
    }
    response
}
