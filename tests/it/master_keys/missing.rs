//! A server that does not have a key yet answers that it cannot now, never that something is invalid.

use latchkey::domain::audit::By;
use latchkey::domain::signing_keys::rotate::{TakeOver, rotate};
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::DEFAULT_TENANT;
use serde_json::json;

use super::{NEW, OLD};
use crate::support::device::send;
use crate::support::dpop::start_with;
use crate::support::{Answer, DpopKey, TestServer};

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
