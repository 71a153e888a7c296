//! RFC 9449 §11.1: a proof is used once.

use latchkey::domain::housekeeping::USED_JTIS;
use serde_json::json;

use crate::support::dpop::{poll_with, start_with};
use crate::support::{DpopKey, TestServer};

const START: &str = "/oauth/device-authorization";
const TOKEN: &str = "/oauth/token";

#[tokio::test]
async fn a_proof_is_used_once_on_all_servers() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let proof = key.proof(START);
    assert_eq!(start_with(&tv, &[&proof]).await.status, 200);
    start_with(&tv, &[&proof]).await.must_be_error("invalid_dpop_proof");
    start_with(&tv.at(&replica.base), &[&proof]).await.must_be_error("invalid_dpop_proof");
    // It is the name that is used up, whatever else the proof says.
    let mut claims = key.claims(START);
    claims["jti"] = json!("one");
    assert_eq!(start_with(&tv, &[&key.sign(&key.header(), &claims)]).await.status, 200);
    claims["iat"] = json!(claims["iat"].as_i64().unwrap() + 40);
    start_with(&tv, &[&key.sign(&key.header(), &claims)]).await.must_be_error("invalid_dpop_proof");
    // Another key may use the same name.
    let other = DpopKey::new(&server);
    assert_eq!(start_with(&tv, &[&other.sign(&other.header(), &claims)]).await.status, 200);
}

#[tokio::test]
async fn names_of_proofs_are_forgotten_when_they_are_too_old_to_come_again() {
    let server = TestServer::start().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let proof = key.proof(START);
    assert_eq!(start_with(&tv, &[&proof]).await.status, 200);
    assert_eq!(server.count("SELECT count(*) FROM used_jtis").await, 1);
    server.clock.advance(60.0);
    assert_eq!(USED_JTIS.clear_batch(&server.app).await.unwrap(), 0);
    start_with(&tv, &[&proof]).await.must_be_error("invalid_dpop_proof");
    // Other servers' computers may be ten minutes behind.
    server.clock.advance(601.0);
    assert_eq!(USED_JTIS.clear_batch(&server.app).await.unwrap(), 1);
    start_with(&tv, &[&proof]).await.must_be_error("invalid_dpop_proof");
    assert_eq!(server.count("SELECT count(*) FROM used_jtis").await, 0);
}

#[tokio::test]
async fn a_pending_poll_with_a_proof_needs_no_database() {
    let server = TestServer::hearing().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let tv = tv.with_key(&key);
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.app.db.close().await;
    server.clock.advance(6.0);
    let proof = key.proof(TOKEN);
    poll_with(&tv, &started.device_code, &proof).await.must_be_error("authorization_pending");
    server.clock.advance(6.0);
    poll_with(&tv, &started.device_code, &proof).await.must_be_error("invalid_dpop_proof");
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn a_pending_poll_that_comes_again_elsewhere_learns_nothing() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let tv = tv.with_key(&key);
    let started = tv.start("openid").await;
    let proof = key.proof(TOKEN);
    poll_with(&tv, &started.device_code, &proof).await.must_be_error("authorization_pending");
    server.clock.advance(6.0);
    let elsewhere = tv.at(&replica.base);
    let again = poll_with(&elsewhere, &started.device_code, &proof).await;
    assert!(["authorization_pending", "slow_down"].contains(&again.error()), "{again:?}");
    poll_with(&elsewhere, &started.device_code, &proof).await.must_be_error("invalid_dpop_proof");
}

#[tokio::test]
async fn where_memory_is_full_the_database_remembers_every_proof() {
    let server = TestServer::with(|config| config.dpop.remembered_proofs = 0).await;
    let replica = server.replica().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let started = tv.with_key(&key).start("openid").await;
    let proof = key.proof(TOKEN);
    poll_with(&tv, &started.device_code, &proof).await.must_be_error("authorization_pending");
    server.clock.advance(6.0);
    for device in [&tv, &tv.at(&replica.base)] {
        poll_with(device, &started.device_code, &proof).await.must_be_error("invalid_dpop_proof");
    }
}
