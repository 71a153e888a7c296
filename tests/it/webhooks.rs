//! Webhooks are told what stands in the audit trail (Standard Webhooks 1.0): signed, until it arrives, and never what
//! was not committed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::domain::audit::By;
use latchkey::domain::housekeeping;
use latchkey::domain::webhooks::deliver::deliver_due;
use latchkey::domain::webhooks::{self, WebhookError};
use latchkey::model::ids::TenantId;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::webhook::Webhook;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::support::patience::PATIENCE;
use crate::support::{TestServer, until};

/// Somebody who is told.
struct Receiver {
    url: String,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    heard: UnboundedReceiver<Message>,
}

/// What was heard.
#[derive(Debug)]
struct Message {
    headers: HeaderMap,
    body: String,
}

impl Receiver {
    /// Answers 200, unless told otherwise.
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("its address"));
        let answers: Arc<Mutex<VecDeque<StatusCode>>> = Arc::default();
        let (tell, heard) = unbounded_channel();
        let next = Arc::clone(&answers);
        let hook = async move |headers: HeaderMap, body: Bytes| {
            let body = String::from_utf8(body.to_vec()).expect("text");
            let _ = tell.send(Message { headers, body });
            next.lock().expect("the answers").pop_front().unwrap_or(StatusCode::OK)
        };
        let router = Router::new().route("/hook", axum::routing::post(hook));
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, answers, heard }
    }

    fn answer_next(&self, status: StatusCode) {
        self.answers.lock().expect("the answers").push_back(status);
    }

    async fn hear(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.heard.recv()).await.expect("in time").expect("a message")
    }
}

impl Message {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("text")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Checks the signature as a receiver does.
    fn is_signed_with(&self, secret: &str) -> bool {
        let secret = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let signed =
            format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let given = self.header("webhook-signature").strip_prefix("v1,").expect("version 1");
        let given = STANDARD.decode(given).expect("base64");
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes(), &given).is_ok()
    }
}

/// A server that may call at this machine.
async fn server() -> TestServer {
    TestServer::with(|config| config.webhooks.networks = vec!["127.0.0.1/32".parse().expect("a network")])
        .await
}

async fn webhook(server: &TestServer, tenant: TenantId, url: &str, actions: &[&str]) -> (Webhook, String) {
    let actions = actions.iter().map(|action| (*action).to_owned()).collect();
    let url = url.parse().expect("a URL");
    let (webhook, secret) =
        webhooks::create(&server.app, tenant, url, actions, &By::OPERATOR).await.expect("a webhook");
    (webhook, secret.to_string())
}

#[tokio::test]
async fn a_receiver_is_told_of_the_actions_it_asked_for_signed_and_without_codes_and_tokens() {
    let (server, mut receiver) = (server().await, Receiver::start().await);
    let asked = ["device_authorization.approved", "device_authorization.redeemed"];
    let (_, secret) = webhook(&server, DEFAULT_TENANT, &receiver.url, &asked).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    let mut types = Vec::new();
    for _ in 0..2 {
        let message = receiver.hear().await;
        assert!(message.is_signed_with(&secret), "{message:?}");
        assert!(!message.is_signed_with("whsec_AAAA"), "{message:?}");
        assert_eq!(message.header("content-type"), "application/json");
        let now = server.clock.now().timestamp().to_string();
        assert_eq!(message.header("webhook-timestamp"), now);
        for secret in [
            &started.user_code,
            &started.device_code,
            &tokens.string("access_token"),
            &tokens.string("refresh_token"),
        ] {
            assert!(!message.body.contains(secret.as_str()), "{message:?}");
        }
        let said = message.json();
        assert_eq!(said["data"]["target_kind"], "device_authorization");
        assert!(said["timestamp"].as_str().expect("a time").ends_with('Z'));
        types.push(said["type"].as_str().expect("a type").to_owned());
    }
    types.sort();
    assert_eq!(types, asked);
}

#[tokio::test]
async fn a_message_is_tried_again_later_with_the_same_identifier_and_body() {
    let (server, mut receiver) = (server().await, Receiver::start().await);
    let (_, secret) = webhook(&server, DEFAULT_TENANT, &receiver.url, &["scope.created"]).await;
    receiver.answer_next(StatusCode::INTERNAL_SERVER_ERROR);
    // A redirect is no receipt, and is not followed.
    receiver.answer_next(StatusCode::TEMPORARY_REDIRECT);
    server.scope("videos", None).await;
    let first = receiver.hear().await;
    let undelivered = "SELECT count(*) FROM webhook_deliveries WHERE last_error IS NOT NULL AND next_attempt_at > created_at";
    until("the first attempt has failed", async || server.count(undelivered).await > 0).await;
    assert_eq!(deliver_due(&server.app).await.expect("the database answers"), 0, "not before its time");
    server.clock.advance(5.0);
    let second = receiver.hear().await;
    let redirected = "SELECT count(*) FROM webhook_deliveries WHERE attempts = 2 AND last_error LIKE '%307%'";
    until("the second attempt has failed", async || server.count(redirected).await > 0).await;
    server.clock.advance(300.0);
    let third = receiver.hear().await;
    for again in [&second, &third] {
        assert_eq!(again.header("webhook-id"), first.header("webhook-id"));
        assert_eq!(again.body, first.body);
        assert!(again.is_signed_with(&secret), "{again:?}");
    }
    let delivered = "SELECT count(*) FROM webhook_deliveries WHERE delivered_at IS NOT NULL";
    until("the message has arrived", async || server.count(delivered).await > 0).await;
    server.clock.advance(1_000_000.0);
    assert_eq!(deliver_due(&server.app).await.expect("the database answers"), 0, "it has arrived");
}

#[tokio::test]
async fn a_receiver_that_fails_holds_up_its_own_messages_only() {
    let (server, mut failing, mut working) =
        (server().await, Receiver::start().await, Receiver::start().await);
    webhook(&server, DEFAULT_TENANT, &failing.url, &["scope.created"]).await;
    webhook(&server, DEFAULT_TENANT, &working.url, &["scope.created"]).await;
    failing.answer_next(StatusCode::SERVICE_UNAVAILABLE);
    server.scope("videos", None).await;
    failing.hear().await;
    let held = "SELECT count(*) FROM webhooks WHERE failures = 1 AND held_until IS NOT NULL";
    until("the failing one is held", async || server.count(held).await > 0).await;
    for name in ["photos", "mails"] {
        server.scope(name, None).await;
    }
    for _ in 0..3 {
        working.hear().await;
    }
    assert_eq!(deliver_due(&server.app).await.expect("the database answers"), 0, "the others are held");
    assert_eq!(server.count("SELECT count(*) FROM webhook_deliveries WHERE attempts = 0").await, 2);
    server.clock.advance(5.0);
    for _ in 0..3 {
        failing.hear().await;
    }
    let troubled = "SELECT count(*) FROM webhooks WHERE failures > 0 OR held_until IS NOT NULL";
    until("nothing is held any more", async || server.count(troubled).await == 0).await;
}

#[tokio::test]
async fn what_has_waited_for_four_days_is_given_up() {
    let (server, receiver) = (server().await, Receiver::start().await);
    webhook(&server, DEFAULT_TENANT, &receiver.url, &["scope.created"]).await;
    server.execute("UPDATE webhooks SET held_until = 'infinity'").await;
    server.scope("videos", None).await;
    server.clock.advance(4.0 * 86_400.0);
    let chore = housekeeping::WEBHOOK_DELIVERIES;
    assert_eq!(chore.clear_batch(&server.app).await.expect("the database answers"), 0);
    server.clock.advance(1.0);
    assert_eq!(chore.clear_batch(&server.app).await.expect("the database answers"), 1);
    let waiting = "SELECT count(*) FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL";
    assert_eq!(server.count(waiting).await, 0);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_nothing_more() {
    let (server, mut receiver) = (server().await, Receiver::start().await);
    webhook(&server, DEFAULT_TENANT, &receiver.url, &["scope.created"]).await;
    receiver.answer_next(StatusCode::GONE);
    server.scope("videos", None).await;
    receiver.hear().await;
    until("the webhook is ended", async || server.audited("webhook.disabled", "success").await > 0).await;
    server.scope("music", None).await;
    assert_eq!(server.count("SELECT count(*) FROM webhook_deliveries").await, 1);
    assert_eq!(
        server.count("SELECT count(*) FROM webhook_deliveries WHERE next_attempt_at IS NOT NULL").await,
        0
    );
}

#[tokio::test]
async fn nothing_is_told_of_other_tenants_nor_of_what_was_rolled_back() {
    let server = server().await;
    let (acme, _) = server.tenant("acme").await;
    let mut receiver = Receiver::start().await;
    webhook(&server, acme, &receiver.url, &[]).await;
    server.scope("videos", None).await;
    let undone = "DO $$ BEGIN
        INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, target_kind)
        SELECT gen_random_uuid(), id, now(), 'scope.created', 'success', 'operator', 'scope' FROM tenants;
        RAISE EXCEPTION 'undone';
    EXCEPTION WHEN raise_exception THEN NULL; END $$";
    server.execute(undone).await;
    assert_eq!(server.count("SELECT count(*) FROM webhook_deliveries").await, 0);
    webhook(&server, acme, &receiver.url, &["scope.created"]).await;
    // The first webhook hears of the second.
    assert_eq!(receiver.hear().await.json()["type"], "webhook.created");
}

#[tokio::test]
async fn a_webhook_cannot_be_where_only_the_server_can_reach() {
    let server = TestServer::start().await;
    for inside in [
        "http://127.0.0.1:5432/",
        "https://169.254.169.254/",
        "https://10.0.0.1/",
        "ftp://example.org/",
        "https://localhost/",
        "https://hooks.localhost/",
        "https://intranet/",
    ] {
        let made = webhooks::create(
            &server.app,
            DEFAULT_TENANT,
            inside.parse().expect("a URL"),
            vec![],
            &By::OPERATOR,
        );
        assert!(matches!(made.await, Err(WebhookError::UnfitUrl(_))), "{inside}");
    }
    let url = "https://hooks.example.org/".parse().expect("a URL");
    let made =
        webhooks::create(&server.app, DEFAULT_TENANT, url, vec!["tea.made".to_owned()], &By::OPERATOR).await;
    assert!(matches!(made, Err(WebhookError::UnknownAction(_))));
    assert_eq!(server.count("SELECT count(*) FROM webhooks").await, 0);
}

#[tokio::test]
async fn of_two_servers_one_sends_each_message() {
    let (server, mut receiver) = (server().await, Receiver::start().await);
    let other = server.replica_with(|_| ()).await;
    webhook(&server, DEFAULT_TENANT, &receiver.url, &["scope.created"]).await;
    for n in 0..20 {
        server.scope(&format!("videos{n}"), None).await;
    }
    let (one, two) = tokio::join!(deliver_due(&server.app), deliver_due(&other.app));
    one.and(two).expect("the database answers");
    let under_way = "SELECT count(*) FROM webhook_deliveries WHERE delivered_at IS NULL";
    until("all messages have arrived", async || server.count(under_way).await == 0).await;
    let mut ids: Vec<String> = Vec::new();
    while let Ok(message) = receiver.heard.try_recv() {
        ids.push(message.header("webhook-id").to_owned());
    }
    assert_eq!(ids.len(), 20);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn a_tenant_whose_receivers_hang_delays_no_other_tenant() {
    let server = TestServer::with(|config| {
        config.webhooks.networks = vec!["127.0.0.1/32".parse().expect("a network")];
        config.webhooks.timeout_milliseconds = 60_000;
    })
    .await;
    let ((noisy, _), (quiet, _)) = (server.tenant("noisy").await, server.tenant("quiet").await);
    // Connections are taken, and nothing is ever answered.
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let hole = format!("http://{}/", hanging.local_addr().expect("its address"));
    for _ in 0..20 {
        webhook(&server, noisy, &hole, &["scope.created"]).await;
    }
    let mut receiver = Receiver::start().await;
    webhook(&server, quiet, &receiver.url, &["scope.created"]).await;
    for name in ["one", "two", "three", "four"] {
        server.scope_of(noisy, name).await;
    }
    let busy = "SELECT count(*) FROM webhook_deliveries WHERE attempts > 0";
    until("the noisy tenant has all it gets", async || server.count(busy).await >= 16).await;
    server.scope_of(quiet, "videos").await;
    assert_eq!(receiver.hear().await.json()["data"]["target_id"], "videos");
    assert_eq!(server.count(busy).await, 17, "no tenant has more than half of the slots");
    drop(hanging);
}

#[tokio::test]
async fn an_event_is_stored_once_for_all_webhooks() {
    let server = server().await;
    let mut receivers = [Receiver::start().await, Receiver::start().await, Receiver::start().await];
    for receiver in &receivers {
        webhook(&server, DEFAULT_TENANT, &receiver.url, &["scope.created"]).await;
    }
    server.scope("unmistakable", None).await;
    let mut told = Vec::new();
    for receiver in &mut receivers {
        told.push(receiver.hear().await);
    }
    assert!(told.iter().all(|message| message.body == told[0].body), "{told:?}");
    assert_eq!(told[0].json()["data"]["target_id"], "unmistakable");
    assert_eq!(server.count("SELECT count(*) FROM webhook_deliveries").await, 3);
    assert!(!server.rows().await["webhook_deliveries"].contains("unmistakable"));
}

#[tokio::test]
async fn a_tenant_has_as_many_webhooks_as_the_settings_allow() {
    let server = TestServer::with(|config| config.webhooks.per_tenant = 3).await;
    let (acme, _) = server.tenant("acme").await;
    let create = async || {
        let url = "https://hooks.example.org/".parse().expect("a URL");
        webhooks::create(&server.app, acme, url, vec![], &By::OPERATOR).await
    };
    let (one, two, three, four, five) = tokio::join!(create(), create(), create(), create(), create());
    let created = [one, two, three, four, five];
    assert_eq!(created.iter().filter(|created| created.is_ok()).count(), 3);
    assert!(matches!(create().await, Err(WebhookError::TooMany(3))));
    // Another tenant has its own.
    webhook(&server, DEFAULT_TENANT, "https://hooks.example.org/", &[]).await;
}
