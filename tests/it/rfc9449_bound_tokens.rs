//! RFC 9449: what is bound to a key, and that only that key can go on.

use latchkey::model::client::AuthMethod;
use serde_json::Value;

use crate::support::device::{DEVICE_GRANT, send};
use crate::support::{Answer, Device, DpopKey, Started, TestServer, jwt};

const SCOPE: &str = "openid offline_access";
const TOKEN: &str = "/oauth/token";

/// Calls the token endpoint with this `DPoP` header.
async fn token_with(device: &Device, parameters: &[(&str, &str)], proof: &str) -> Answer {
    let mut form = vec![("client_id", device.client_id.as_str())];
    form.extend(parameters);
    send(device.request(TOKEN).header("dpop", proof).form(&form)).await
}

async fn poll_with(device: &Device, started: &Started, proof: &str) -> Answer {
    token_with(device, &[("grant_type", DEVICE_GRANT), ("device_code", &started.device_code)], proof).await
}

async fn refresh_with(device: &Device, refresh_token: &str, proof: &str) -> Answer {
    token_with(device, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)], proof).await
}

/// The key that the access token is bound to.
async fn bound_to(server: &TestServer, tokens: &Answer) -> Value {
    let (_, claims) = jwt::verify(server, &server.base, &tokens.string("access_token")).await;
    claims["cnf"]["jkt"].clone()
}

#[tokio::test]
async fn tokens_are_bound_to_the_key_that_was_proved() {
    let server = TestServer::start().await;
    let (tv, ada, key) = (server.tv().await, server.ada().await, DpopKey::new(&server));
    let tokens = tv.with_key(&key).connect_bound(&ada, SCOPE).await;
    assert_eq!(bound_to(&server, &tokens).await, key.thumbprint());
    let refreshed = tv.with_key(&key).refresh(&tokens.string("refresh_token")).await;
    refreshed.must_be_bound_tokens();
    assert_eq!(bound_to(&server, &refreshed).await, key.thumbprint());
}

#[tokio::test]
async fn a_code_that_was_started_without_a_key_is_bound_when_it_is_collected() {
    let server = TestServer::start().await;
    let (tv, ada, key) = (server.tv().await, server.ada().await, DpopKey::new(&server));
    let started = tv.start(SCOPE).await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    let tokens = tv.with_key(&key).poll(&started).await;
    tokens.must_be_bound_tokens();
    assert_eq!(bound_to(&server, &tokens).await, key.thumbprint());
    let refresh_token = tokens.string("refresh_token");
    tv.refresh(&refresh_token).await.must_be_error("invalid_grant");
    tv.with_key(&key).refresh(&refresh_token).await.must_be_bound_tokens();
}

#[tokio::test]
async fn without_a_key_tokens_are_for_whoever_bears_them() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, SCOPE).await;
    assert_eq!(bound_to(&server, &tokens).await, Value::Null);
}

#[tokio::test]
async fn a_code_of_one_key_is_nothing_to_another_from_the_first_poll_on() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (key, other) = (DpopKey::new(&server), DpopKey::new(&server));
    let started = tv.with_key(&key).start(SCOPE).await;
    let strangers =
        [tv.clone(), tv.with_key(&other), tv.at(&replica.base), tv.at(&replica.base).with_key(&other)];
    for stranger in &strangers {
        stranger.poll(&started).await.must_be_error("invalid_grant");
    }
    // Their polls did not count as the device's own.
    tv.with_key(&key).poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    for stranger in &strangers {
        stranger.poll(&started).await.must_be_error("invalid_grant");
    }
    let tokens = tv.with_key(&key).poll(&started).await;
    tokens.must_be_bound_tokens();
    // And no stranger ends what the right key has collected.
    server.clock.advance(60.0);
    for stranger in &strangers {
        stranger.poll(&started).await.must_be_error("invalid_grant");
    }
    tv.with_key(&key).refresh(&tokens.string("refresh_token")).await.must_be_bound_tokens();
}

#[tokio::test]
async fn a_decision_is_no_business_of_another_key() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (key, other) = (DpopKey::new(&server), DpopKey::new(&server));
    let denied = tv.with_key(&key).start(SCOPE).await;
    ada.deny(&denied.user_code).await;
    let expired = tv.with_key(&key).start(SCOPE).await;
    for stranger in [tv.clone(), tv.with_key(&other)] {
        stranger.poll(&denied).await.must_be_error("invalid_grant");
    }
    tv.with_key(&key).poll(&denied).await.must_be_error("access_denied");
    server.clock.advance(601.0);
    for stranger in [tv.clone(), tv.with_key(&other)] {
        stranger.poll(&expired).await.must_be_error("invalid_grant");
    }
    tv.with_key(&key).poll(&expired).await.must_be_error("expired_token");
}

#[tokio::test]
async fn a_public_clients_refresh_token_is_nothing_to_another_key() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (key, other) = (DpopKey::new(&server), DpopKey::new(&server));
    let refresh_token = tv.with_key(&key).connect_bound(&ada, SCOPE).await.string("refresh_token");
    for stranger in [tv.clone(), tv.with_key(&other)] {
        stranger.refresh(&refresh_token).await.must_be_error("invalid_grant");
    }
    let next = tv.with_key(&key).refresh(&refresh_token).await;
    next.must_be_bound_tokens();
    // A spent token in a stranger's hands is no theft: without the key it is worth nothing.
    server.clock.advance(60.0);
    for stranger in [tv.clone(), tv.with_key(&other)] {
        stranger.refresh(&refresh_token).await.must_be_error("invalid_grant");
    }
    tv.with_key(&key).refresh(&next.string("refresh_token")).await.must_be_bound_tokens();
}

#[tokio::test]
async fn a_confidential_clients_refresh_token_follows_the_client_and_not_the_key() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let kiosk =
        server.client("kiosk", SCOPE, |client| client.auth_method = AuthMethod::ClientSecretBasic).await;
    let (key, other) = (DpopKey::new(&server), DpopKey::new(&server));
    let started = kiosk.start(SCOPE).await;
    ada.approve(&started.user_code).await;
    let tokens = kiosk.with_key(&key).poll(&started).await;
    tokens.must_be_bound_tokens();
    assert_eq!(bound_to(&server, &tokens).await, key.thumbprint());
    // RFC 9449 §5: such a client may change its key; the access token is bound to the one it proves.
    let next = kiosk.with_key(&other).refresh(&tokens.string("refresh_token")).await;
    next.must_be_bound_tokens();
    assert_eq!(bound_to(&server, &next).await, other.thumbprint());
    kiosk.refresh(&next.string("refresh_token")).await.must_be_tokens();
    // A key that was there from the start goes on alone, whoever the client is.
    let bound = kiosk.with_key(&key).connect_bound(&ada, SCOPE).await.string("refresh_token");
    kiosk.with_key(&other).refresh(&bound).await.must_be_error("invalid_grant");
    kiosk.refresh(&bound).await.must_be_error("invalid_grant");
    kiosk.with_key(&key).refresh(&bound).await.must_be_bound_tokens();
}

#[tokio::test]
async fn a_client_of_bound_tokens_gets_bound_ones() {
    let server = TestServer::start().await;
    let (ada, key) = (server.ada().await, DpopKey::new(&server));
    let tv = server.client("tv", SCOPE, |client| client.dpop_bound_access_tokens = true).await;
    let tokens = tv.with_key(&key).connect_bound(&ada, SCOPE).await;
    let refresh_token = tokens.string("refresh_token");
    tv.refresh(&refresh_token).await.must_be_error("invalid_dpop_proof");
    tv.with_key(&key).refresh(&refresh_token).await.must_be_bound_tokens();
}

#[tokio::test]
async fn a_collection_that_is_sent_again_elsewhere_brings_nothing_and_ends_nothing() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada, key) = (server.tv().await, server.ada().await, DpopKey::new(&server));
    let bound = tv.with_key(&key);
    let started = bound.start(SCOPE).await;
    let pending = key.proof(TOKEN);
    poll_with(&tv, &started, &pending).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    let collecting = key.proof(TOKEN);
    let tokens = poll_with(&tv, &started, &collecting).await;
    tokens.must_be_bound_tokens();
    for seconds in [0.0, 30.0] {
        server.clock.advance(seconds);
        for base in [&server.base, &replica.base] {
            for proof in [&pending, &collecting] {
                let again = poll_with(&tv.at(base), &started, proof).await;
                assert!(["invalid_grant", "invalid_dpop_proof"].contains(&again.error()), "{again:?}");
            }
        }
    }
    // Bytes that were sent again are no sign that the key is in other hands.
    bound.refresh(&tokens.string("refresh_token")).await.must_be_bound_tokens();
}

#[tokio::test]
async fn a_refresh_that_is_sent_again_elsewhere_brings_nothing_and_ends_nothing() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada, key) = (server.tv().await, server.ada().await, DpopKey::new(&server));
    let refresh_token = tv.with_key(&key).connect_bound(&ada, SCOPE).await.string("refresh_token");
    let proof = key.proof(TOKEN);
    let next = refresh_with(&tv, &refresh_token, &proof).await;
    next.must_be_bound_tokens();
    for base in [&server.base, &replica.base] {
        refresh_with(&tv.at(base), &refresh_token, &proof).await.must_be_error("invalid_dpop_proof");
    }
    tv.with_key(&key).refresh(&next.string("refresh_token")).await.must_be_bound_tokens();
}

#[tokio::test]
async fn of_parallel_collections_by_one_proof_on_two_servers_one_succeeds() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada, key) = (server.tv().await, server.ada().await, DpopKey::new(&server));
    let started = tv.with_key(&key).start(SCOPE).await;
    ada.approve(&started.user_code).await;
    let proof = key.proof(TOKEN);
    let elsewhere = tv.at(&replica.base);
    let (here, there) =
        tokio::join!(poll_with(&tv, &started, &proof), poll_with(&elsewhere, &started, &proof));
    let collected = [&here, &there].into_iter().filter(|answer| answer.status == 200).count();
    assert_eq!(collected, 1, "{here:?} {there:?}");
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 1);
}
