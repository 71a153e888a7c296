//! A server whose polls are watched, and a person who decides.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::config::Config;
use latchkey::model::client::{AuthMethod, GrantType};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};

use super::{Library, SCOPE};
use crate::support::device::Proof;
use crate::support::patience::in_time;
use crate::support::signer::Signer;
use crate::support::{Device, Person, TestServer};

/// What clients may do for themselves.
const OWN_SCOPE: &str = "videos";

/// A server behind a proxy that notes how polls were answered.
pub(super) struct House {
    pub(super) server: TestServer,
    /// The proxy's address, which is the issuer.
    pub(super) base: String,
    /// One browser opens one code at a time.
    ada: Mutex<Person>,
    polls: watch::Receiver<Vec<Poll>>,
    early: Early,
}

/// The device codes whose next poll is to come too early, and their clients.
type Early = Arc<std::sync::Mutex<HashMap<String, Device>>>;

/// A poll as the proxy has seen it.
#[derive(Clone, Debug)]
struct Poll {
    device_code: String,
    /// `tokens`, or the error code.
    answer: String,
}

struct Proxy {
    http: reqwest::Client,
    server: String,
    polls: watch::Sender<Vec<Poll>>,
    early: Early,
}

impl House {
    /// A house with some other settings than the default.
    pub(super) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("its address"));
        let server = TestServer::with(|config| {
            config.server.public_url = base.parse().ok();
            // All clients of all libraries share one address.
            config.rate_limits.enabled = false;
            change(config);
        })
        .await;
        let (polls, seen) = watch::channel(Vec::new());
        let early = Early::default();
        let proxy = Proxy {
            http: server.http.clone(),
            server: server.base.clone(),
            polls,
            early: Arc::clone(&early),
        };
        let service = Router::new().fallback(forward).with_state(Arc::new(proxy));
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async { axum::serve(listener, service).await });
        server.scope(OWN_SCOPE, None).await;
        let mut ada = server.ada().await;
        ada.base.clone_from(&base);
        Self { server, base, ada: Mutex::new(ada), polls: seen, early }
    }

    /// Registers a client of a library for one flow; what its program is told, and the client itself.
    pub(super) async fn registers(&self, library: Library, flow: &str) -> (Value, Device) {
        let id = format!("{}.{}.{flow}", library.name.replace('/', "-"), library.method);
        let device = self
            .server
            .client(&id, &format!("{SCOPE} {OWN_SCOPE}"), |client| {
                client.auth_method = library.registered;
                client.assertion_allowances = library.allowances.to_vec();
                if library.registered != AuthMethod::None {
                    client.grant_types.push(GrantType::ClientCredentials);
                }
            })
            .await;
        (self.told(&device, library), device)
    }

    fn told(&self, device: &Device, library: Library) -> Value {
        let scopes: Vec<&str> = SCOPE.split(' ').collect();
        let mut told = json!({
            "library": library.name,
            "method": library.method,
            "issuer": self.base,
            "client_id": device.client_id,
            "scopes": scopes,
        });
        match &device.proof {
            Proof::None => {}
            Proof::Basic(secret) | Proof::Post(secret) => told["client_secret"] = json!(secret),
            Proof::PrivateKey(Signer { key, .. }) => {
                told["kid"] = key.public_jwk["kid"].clone();
                told["public_jwk"] = key.public_jwk.clone();
                told["private_key"] = json!(format!(
                    "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
                    STANDARD.encode(&key.private_der)
                ));
            }
        }
        told
    }

    pub(super) async fn approves(&self, user_code: &str) {
        self.ada.lock().await.approve(user_code).await;
    }

    pub(super) async fn denies(&self, user_code: &str) {
        self.ada.lock().await.deny(user_code).await;
    }

    /// Has the next poll of a code come too early: right after another one of its client.
    pub(super) fn makes_a_poll_early(&self, device_code: &str, client: &Device) {
        self.early.lock().expect("nobody panics").insert(device_code.to_owned(), client.clone());
    }

    /// Waits until so many polls of a code have been answered so.
    pub(super) async fn sees(&self, device_code: &str, answer: &str, times: usize) {
        let mut polls = self.polls.clone();
        let enough = |polls: &Vec<Poll>| {
            polls.iter().filter(|poll| poll.device_code == device_code && poll.answer == answer).count()
                >= times
        };
        in_time(&format!("{times} polls answered {answer}"), polls.wait_for(enough))
            .await
            .expect("the proxy runs");
    }

    /// How all polls of a code were answered.
    pub(super) fn answers(&self, device_code: &str) -> Vec<String> {
        let polls = self.polls.borrow();
        let its = polls.iter().filter(|poll| poll.device_code == device_code);
        its.map(|poll| poll.answer.clone()).collect()
    }
}

async fn forward(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("the request arrives");
    let mut fields = url::form_urlencoded::parse(&body);
    let device_code = fields.find(|(name, _)| name == "device_code").map(|(_, code)| code.into_owned());
    let url = format!("{}{}", proxy.server, parts.uri);
    let request = || {
        let request = proxy.http.request(parts.method.clone(), &url);
        request.headers(parts.headers.clone()).body(body.clone()).send()
    };
    let take_client = |code: &String| proxy.early.lock().expect("nobody panics").remove(code);
    match (device_code.as_ref().and_then(take_client), &device_code) {
        // An assertion proves nothing a second time.
        (Some(client @ Device { proof: Proof::PrivateKey(_), .. }), Some(code)) => {
            client.poll_code(code, &[]).await;
        }
        // With any other authentication than its own, the library's poll would be a second try of this one.
        (Some(_), _) => {
            request().await.expect("the server answers");
        }
        (None, _) => {}
    }
    let answer = request().await.expect("the server answers");
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            response = response.header(name, value);
        }
    }
    let answered = answer.bytes().await.expect("the answer arrives");
    if let Some(device_code) = device_code {
        let answer: Value = serde_json::from_slice(&answered).unwrap_or_default();
        let answer = answer["error"].as_str().unwrap_or("tokens").to_owned();
        proxy.polls.send_modify(|polls| polls.push(Poll { device_code, answer }));
    }
    response.body(Body::from(answered)).expect("a response")
}
