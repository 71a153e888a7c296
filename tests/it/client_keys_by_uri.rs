//! Clients that publish their keys (`jwks_uri`, RFC 7591 §2): fetched with care, remembered for a while.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use latchkey::config::Config;
use latchkey::model::client::{AuthMethod, ClientKeys};
use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::support::device::{Proof, send};
use crate::support::signer::{ClientKey, JWT_BEARER, Signer};
use crate::support::{Answer, Device, TestServer, until};

/// Where a client publishes its keys: says what it was told to say, and counts who asks.
struct KeyHost {
    port: u16,
    saying: Arc<Mutex<Saying>>,
    asked: Arc<AtomicUsize>,
}

#[derive(Clone)]
enum Saying {
    /// This, and the connection ends.
    Whole(String),
    /// This, and nothing ever after.
    Unfinished(String),
}

impl KeyHost {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let saying = Arc::new(Mutex::new(Saying::Whole(String::new())));
        let asked = Arc::new(AtomicUsize::new(0));
        let host = Self { port, saying: Arc::clone(&saying), asked: Arc::clone(&asked) };
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                asked.fetch_add(1, Ordering::SeqCst);
                open.spawn(answer(connection, saying.lock().expect("what to say").clone()));
            }
        });
        host
    }

    fn say(&self, saying: Saying) {
        *self.saying.lock().expect("what to say") = saying;
    }

    fn publish(&self, keys: &[&Arc<ClientKey>]) {
        let keys: Vec<&Value> = keys.iter().map(|key| &key.public_jwk).collect();
        self.say(ok(&json!({"keys": keys}).to_string()));
    }

    fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/jwks", self.port)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn ok(body: &str) -> Saying {
    Saying::Whole(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

async fn answer(mut connection: TcpStream, saying: Saying) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let (Saying::Whole(text) | Saying::Unfinished(text)) = &saying;
    let _ = connection.write_all(text.as_bytes()).await;
    if matches!(saying, Saying::Unfinished(_)) {
        std::future::pending::<()>().await;
    }
}

/// Lets clients publish their keys on this machine.
fn on_this_machine(config: &mut Config) {
    config.clients.jwks_networks = vec!["127.0.0.1/32".parse().expect("a network")];
    config.rate_limits.enabled = false;
}

/// A server, a client that publishes its keys, its key, and where it publishes.
async fn publisher(change: impl FnOnce(&mut Config)) -> (TestServer, Device, Signer, KeyHost) {
    let server = TestServer::with(|config| {
        on_this_machine(config);
        change(config);
    })
    .await;
    let host = KeyHost::start().await;
    let device = at_uri(&server, &host.uri()).await;
    let Proof::PrivateKey(signer) = device.proof.clone() else { panic!("it signs") };
    host.publish(&[&signer.key]);
    (server, device, signer, host)
}

async fn at_uri(server: &TestServer, uri: &str) -> Device {
    let keys = ClientKeys::Published(uri.parse().expect("an address"));
    server
        .client("robot", "openid offline_access", |client| {
            client.auth_method = AuthMethod::PrivateKeyJwt;
            client.keys = Some(keys);
        })
        .await
}

/// Nobody could say: that must not end a device's waiting (RFC 8628 §3.5).
#[track_caller]
fn must_be_undecided(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.error()), (503, "temporarily_unavailable"), "{answer:?}");
    assert_eq!(answer.must_be_an_oauth_body().header("retry-after"), "5");
}

#[tokio::test]
async fn a_client_that_publishes_its_keys_connects_and_refreshes() {
    let (server, device, _, host) = publisher(|_| ()).await;
    let ada = server.ada().await;
    let tokens = device.connect(&ada, "openid offline_access").await;
    device.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    assert_eq!(host.asked(), 1, "the keys are remembered");
}

#[tokio::test]
async fn remembered_keys_are_asked_for_again_after_ten_minutes() {
    let (server, device, signer, host) = publisher(|_| ()).await;
    device.start("openid").await;
    let next = ClientKey::generate(SigningAlgorithm::Es256);
    host.publish(&[&next]);
    server.clock.advance(599.0);
    device.start("openid").await;
    assert_eq!(host.asked(), 1);
    server.clock.advance(2.0);
    device.ask(&[]).await.must_be_error("invalid_client");
    device.with_proof(Proof::PrivateKey(signer.with_key(&next))).start("openid").await;
    assert_eq!(host.asked(), 2);
}

#[tokio::test]
async fn an_unknown_key_is_looked_for_at_once_but_not_twice_a_minute() {
    let (server, device, signer, host) = publisher(|_| ()).await;
    device.start("openid").await;
    let next = ClientKey::generate(SigningAlgorithm::EdDsa);
    let rotated = device.with_proof(Proof::PrivateKey(signer.with_key(&next)));
    for _ in 0..5 {
        rotated.ask(&[]).await.must_be_error("invalid_client");
    }
    assert_eq!(host.asked(), 1, "within a minute of the last time");
    host.publish(&[&signer.key, &next]);
    server.clock.advance(61.0);
    rotated.start("openid").await;
    device.start("openid").await;
    assert_eq!(host.asked(), 2);
}

#[tokio::test]
async fn many_at_once_ask_for_the_keys_once() {
    let (_server, device, _, host) = publisher(|_| ()).await;
    let mut starts = JoinSet::new();
    for _ in 0..30 {
        let device = device.clone();
        starts.spawn(async move { device.ask(&[]).await });
    }
    assert!(starts.join_all().await.iter().all(|answer| answer.status == 200));
    assert_eq!(host.asked(), 1);
}

#[tokio::test]
async fn while_the_keys_cannot_be_had_nothing_final_is_said_and_the_host_is_left_alone() {
    let (server, device, signer, host) = publisher(|_| ()).await;
    let padded = format!("{}{}", signer.key.jwks(), " ".repeat(70_000));
    let encoding = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}";
    let mut expected = 0;
    for saying in [
        Saying::Whole(String::new()),
        Saying::Whole("HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n".to_owned()),
        Saying::Whole("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n".to_owned()),
        Saying::Whole("not HTTP at all\r\n\r\n".to_owned()),
        Saying::Whole(encoding.to_owned()),
        ok("<html>"),
        ok("{}"),
        ok(r#"{"keys":[],"keys":[]}"#),
        ok(&padded),
    ] {
        host.say(saying);
        server.clock.advance(61.0);
        expected += 1;
        for _ in 0..3 {
            must_be_undecided(&device.ask(&[]).await);
        }
        assert_eq!(host.asked(), expected);
    }
    host.publish(&[&signer.key]);
    server.clock.advance(61.0);
    device.start("openid").await;
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (_server, device, signer, host) = publisher(|_| ()).await;
    let elsewhere = KeyHost::start().await;
    elsewhere.publish(&[&signer.key]);
    let to = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.uri());
    host.say(Saying::Whole(to));
    must_be_undecided(&device.ask(&[]).await);
    assert_eq!((host.asked(), elsewhere.asked()), (1, 0));
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up() {
    let (server, device, _, host) = publisher(|config| config.clients.jwks_timeout_milliseconds = 200).await;
    for unfinished in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"] {
        host.say(Saying::Unfinished(unfinished.to_owned()));
        server.clock.advance(61.0);
        must_be_undecided(&device.ask(&[]).await);
    }
}

#[tokio::test]
async fn a_caller_that_hangs_up_has_asked_all_the_same() {
    let (_server, device, _, host) = publisher(|config| config.clients.jwks_timeout_milliseconds = 500).await;
    host.say(Saying::Unfinished(String::new()));
    let mut callers = JoinSet::new();
    let impatient = device.clone();
    callers.spawn(async move { impatient.ask(&[]).await });
    until("the host is asked", async || host.asked() > 0).await;
    callers.abort_all();
    must_be_undecided(&device.ask(&[]).await);
    assert_eq!(host.asked(), 1);
}

#[tokio::test]
async fn known_keys_stand_in_for_an_hour_while_the_host_is_away() {
    let (server, device, signer, host) = publisher(|_| ()).await;
    device.start("openid").await;
    host.say(Saying::Whole(String::new()));
    server.clock.advance(3_500.0);
    device.start("openid").await;
    assert_eq!(host.asked(), 2);
    // A key that it may have gained since is another matter.
    let next = signer.with_key(&ClientKey::generate(SigningAlgorithm::Es256));
    must_be_undecided(&device.with_proof(Proof::PrivateKey(next)).ask(&[]).await);
    server.clock.advance(101.0);
    must_be_undecided(&device.ask(&[]).await);
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_asks_for_nothing() {
    let (server, device, signer, host) = publisher(|_| ()).await;
    device.start("openid").await;
    server.clock.advance(61.0);
    let foreign = ClientKey::generate(SigningAlgorithm::Es256);
    let assertion = foreign.sign(signer.header(), signer.claims("robot"));
    let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)];
    let request = device.request("/oauth/device-authorization").form(&form);
    send(request).await.must_be_error("invalid_client");
    assert_eq!(host.asked(), 1);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called_at() {
    // The name may lead to the listed address, and does not.
    let server =
        TestServer::with(|config| config.clients.jwks_networks = vec!["::1/128".parse().expect("a network")])
            .await;
    let host = KeyHost::start().await;
    let device = at_uri(&server, &format!("https://localhost:{}/jwks", host.port)).await;
    must_be_undecided(&device.ask(&[]).await);
    assert_eq!(host.asked(), 0);
}

#[tokio::test]
async fn an_address_that_is_no_longer_allowed_is_not_called_at() {
    let (server, device, _, host) = publisher(|_| ()).await;
    // Registered while it was allowed, on a server that has other settings now.
    let stricter = server.replica_with(|config| config.clients.jwks_networks.clear()).await;
    must_be_undecided(&device.at(&stricter.base).ask(&[]).await);
    assert_eq!(host.asked(), 0);
}
