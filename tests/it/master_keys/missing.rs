//! A server that does not have a key yet answers that it cannot now, never that something is invalid.

use latchkey::domain::audit::By;
use latchkey::domain::signing_keys::rotate::{TakeOver, rotate};
use latchkey::domain::webhooks::{self, deliver::deliver_due};
use latchkey::mail::send_due;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::StoreError;
use serde_json::json;

use super::{NEW, OLD};
use crate::support::device::send;
use crate::support::dpop::start_with;
use crate::support::{Answer, DpopKey, TestServer, until};

const START: &str = "/oauth/device-authorization";

#[track_caller]
fn must_be_unavailable(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.error()), (503, "temporarily_unavailable"), "{answer:?}");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_refresh_is_answered_503_while_the_signing_key_cannot_be_opened() {
    let old = TestServer::hearing().await;
    let new = old.replica_with_keys(&[NEW, OLD]).await;
    let (tv, ada) = (old.tv().await, old.ada().await);
    let token = tv.connect(&ada, "openid offline_access").await.string("refresh_token");
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    for algorithm in SigningAlgorithm::ALL {
        let rotated = rotate(&new.app, DEFAULT_TENANT, algorithm, TakeOver::AtOnce, &By::OPERATOR).await;
        rotated.expect("the key is rotated");
    }
    old.hear_all().await;
    must_be_unavailable(&tv.refresh(&token).await);
    must_be_unavailable(&tv.poll(&started).await);
    // The device has lost nothing.
    new.hear_all().await;
    let at_new = tv.at(&new.base);
    at_new.refresh(&token).await.must_be_tokens();
    at_new.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_tenant_whose_keys_cannot_be_opened_is_answered_503() {
    let old = TestServer::hearing().await;
    let new = old.replica_with_keys(&[NEW, OLD]).await;
    let (acme, base) = new.tenant("acme").await;
    let tv = new.client_of(acme, &base, "tv", "openid offline_access", |_| ()).await;
    let ada = new.person_of(acme, &base, "ada", &[]).await;
    let token = tv.connect(&ada, "openid offline_access").await.string("refresh_token");
    old.hear_all().await;
    let at_old = tv.at(&format!("{}/t/acme", old.base));
    must_be_unavailable(&at_old.refresh(&token).await);
    must_be_unavailable(&at_old.ask(&[("scope", "openid")]).await);
    assert_eq!(send(old.http.get(format!("{}/t/acme/oauth/jwks", old.base))).await.status, 200);
    tv.refresh(&token).await.must_be_tokens();
}

#[tokio::test]
async fn forms_and_cookies_of_any_key_are_accepted() {
    let old = TestServer::start().await;
    let new = old.replica_with_keys(&[NEW, OLD]).await;
    let (tv, ada) = (old.tv().await, old.ada().await);
    let at_new = ada.at(&new.base);
    // The form of one server, sent to the other.
    for (shown_by, sent_to) in [(&ada, &at_new), (&at_new, &ada)] {
        let started = tv.start("openid").await;
        let consent = shown_by.open(&started.user_code).await;
        let answer = sent_to.decide(&consent, "deny").await;
        let is_old = sent_to.base == old.base;
        // A server takes forms of the keys it has.
        assert_eq!(answer.status == 200, !is_old, "{answer:?}");
    }
    let only_new = old.replica_with_keys(&[NEW]).await;
    let at_only_new = ada.at(&only_new.base);
    let form = ada.visit("/device").await;
    assert_eq!(at_only_new.submit(&form, "/device", &[("user_code", "WRNG-CXDE")]).await.status, 403);
}

#[tokio::test]
async fn nonces_of_any_key_are_accepted() {
    let old = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let new = old.replica_with_keys(&[NEW, OLD]).await;
    let (tv, key) = (old.tv().await, DpopKey::new(&old));
    let nonce = start_with(&tv, &[&key.proof(START)]).await.header("dpop-nonce").to_owned();
    let with = |nonce: &str| key.proof_with(START, |claims| claims["nonce"] = json!(nonce));
    let at_new = tv.at(&new.base);
    let answer = start_with(&at_new, &[&with(&nonce)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_ne!(answer.header("dpop-nonce"), nonce);
    let only_new = old.replica_with_keys(&[NEW]).await;
    start_with(&tv.at(&only_new.base), &[&with(&nonce)]).await.must_be_error("use_dpop_nonce");
}

#[tokio::test]
async fn a_webhook_message_that_cannot_be_signed_waits_for_another_server() {
    let server = TestServer::start().await;
    let url = "https://example.org/".parse().expect("a URL");
    let actions = vec!["user.created".to_owned()];
    webhooks::create(&server.app, DEFAULT_TENANT, url, actions, &By::OPERATOR).await.expect("a webhook");
    server
        .execute("UPDATE webhooks SET secret_sealed = '\\xdeadbeef' || substring(secret_sealed FROM 5)")
        .await;
    server.ada().await;
    // The server itself may have taken it already.
    deliver_due(&server.app).await.expect("the database answers");
    until("the message is taken", async || {
        server.count("SELECT count(*) FROM webhook_deliveries WHERE attempts = 1").await == 1
    })
    .await;
    let waiting = "SELECT count(*) FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
                   WHERE d.next_attempt_at IS NOT NULL AND d.last_error IS NULL AND w.failures = 0";
    assert_eq!(server.count(waiting).await, 1);
}

#[tokio::test]
async fn an_email_whose_link_cannot_be_opened_waits_for_another_server() {
    let server = TestServer::with(|config| {
        config.mail.smtp_url = Some("smtp://127.0.0.1:9".parse().expect("a URL"));
        config.mail.from = "latchkey@example.org".to_owned();
    })
    .await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    server.execute("UPDATE users SET email = 'ada@example.org', email_verified = true").await;
    ada.approve(&tv.start("openid").await.user_code).await;
    server
        .execute("UPDATE approval_notices SET token_sealed = '\\xdeadbeef' || substring(token_sealed FROM 5)")
        .await;
    // Whatever the server itself has tried is long over.
    server.clock.advance(7_200.0);
    let sent = send_due(&server.app).await;
    assert!(matches!(sent, Ok(0) | Err(StoreError::UnknownMasterKey(_))), "{sent:?}");
    let waiting =
        "SELECT count(*) FROM approval_notices WHERE due_at IS NOT NULL AND token_sealed IS NOT NULL";
    assert_eq!(server.count(waiting).await, 1);
}
