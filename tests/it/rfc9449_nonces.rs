//! RFC 9449 §8: nonces that the server demands.

use serde_json::json;

use crate::support::device::send;
use crate::support::dpop::{poll_with, start_with};
use crate::support::{Device, DpopKey, TestServer};

const START: &str = "/oauth/device-authorization";
const TOKEN: &str = "/oauth/token";

#[tokio::test]
async fn where_nonces_are_demanded_a_client_is_sent_back_once() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let refused = start_with(&tv, &[&key.proof(START)]).await;
    refused.must_be_error("use_dpop_nonce");
    assert_eq!(server.count("SELECT count(*) FROM used_jtis").await, 0);
    let nonce = refused.header("dpop-nonce").to_owned();
    assert!(nonce.len() >= 22, "{nonce:?}");
    let with = |nonce: &str, path: &str| key.proof_with(path, |claims| claims["nonce"] = json!(nonce));
    let started = start_with(&tv, &[&with(&nonce, START)]).await;
    assert_eq!(started.status, 200, "{started:?}");
    // Every answer brings the next nonce, good or bad.
    assert_eq!(started.header("dpop-nonce"), nonce);
    let code = started.string("device_code");
    let poll = poll_with(&tv, &code, &with(&nonce, TOKEN)).await;
    poll.must_be_error("authorization_pending");
    assert_eq!(poll.header("dpop-nonce"), nonce);
    for wrong in ["", "x", &nonce[1..], &format!("{nonce}x"), &nonce.to_uppercase()] {
        let refused = poll_with(&tv, &code, &with(wrong, TOKEN)).await;
        refused.must_be_error("use_dpop_nonce");
        assert_eq!(refused.header("dpop-nonce"), nonce);
    }
    let number = key.proof_with(TOKEN, |claims| claims["nonce"] = json!(1));
    poll_with(&tv, &code, &number).await.must_be_error("use_dpop_nonce");
    // A nonce does not make up for anything else.
    let wrong_method = key.proof_with(TOKEN, |claims| {
        claims["nonce"] = json!(nonce);
        claims["htm"] = json!("GET");
    });
    poll_with(&tv, &code, &wrong_method).await.must_be_error("invalid_dpop_proof");
    // Who shows no proof needs no nonce.
    assert_eq!(start_with(&tv, &[]).await.status, 200);
}

#[tokio::test]
async fn a_nonce_of_one_server_is_good_at_the_other_until_its_time_is_over() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let replica = server.replica().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let elsewhere = tv.at(&replica.base);
    let nonce = start_with(&tv, &[&key.proof(START)]).await.header("dpop-nonce").to_owned();
    let try_at = async |device: &Device, nonce: &str| {
        start_with(device, &[&key.proof_with(START, |claims| claims["nonce"] = json!(nonce))]).await
    };
    assert_eq!(try_at(&elsewhere, &nonce).await.status, 200);
    // Into the next span, wherever in this one we were.
    server.clock.advance(180.0);
    let answer = try_at(&elsewhere, &nonce).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let next = answer.header("dpop-nonce").to_owned();
    assert_ne!(next, nonce);
    server.clock.advance(180.0);
    try_at(&tv, &nonce).await.must_be_error("use_dpop_nonce");
    assert_eq!(try_at(&tv, &next).await.status, 200);
    // A server whose clock is behind takes what one that is ahead has handed out.
    server.clock.advance(-360.0);
    assert_eq!(try_at(&tv, &next).await.status, 200);
}

#[tokio::test]
async fn one_tenants_nonce_is_not_anothers() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let (tv, (acme, base)) = (server.tv().await, server.tenant("acme").await);
    let acme_tv = server.client_of(acme, &base, "tv", "openid", |_| ()).await;
    let key = DpopKey::new(&server);
    let nonce = start_with(&tv, &[]).await.header("dpop-nonce").to_owned();
    let proof = key.proof_with(&format!("/t/acme{START}"), |claims| claims["nonce"] = json!(nonce));
    let refused = start_with(&acme_tv, &[&proof]).await;
    refused.must_be_error("use_dpop_nonce");
    assert_ne!(refused.header("dpop-nonce"), nonce);
}

#[tokio::test]
async fn scripts_in_browsers_can_read_the_nonce() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let request = tv.request(START).header("origin", "https://tv.example").header("dpop", key.proof(START));
    let answer = send(request.form(&[("client_id", "tv")])).await;
    answer.must_be_error("use_dpop_nonce");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-expose-headers").contains("dpop-nonce"), "{answer:?}");
}
