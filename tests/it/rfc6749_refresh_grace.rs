//! RFC 9700 §4.14.2: a refresh token that comes back. For a minute its caller gets the same successor again, as long as
//! nobody has used that. A caller that proves to be the same installation gets it at any time. Anything else is theft.

use latchkey::model::client::{AuthMethod, Client};

use crate::support::{Answer, DpopKey, TestServer};

const OFFLINE: &str = "openid offline_access";
const LIVE: &str = "SELECT count(*) FROM devices WHERE revoked_at IS NULL";
const REUSED: &str = "SELECT count(*) FROM devices WHERE revoked_reason = 'refresh_token_reused'";
const REPEATED: &str =
    "SELECT count(*) FROM audit_events WHERE action = 'token.refreshed' AND details -> 'repeated' = 'true'";
const DAY: f64 = 86_400.0;

fn token(answer: &Answer) -> String {
    answer.must_be_tokens().string("refresh_token")
}

#[tokio::test]
async fn an_exchange_is_repeated_with_the_same_token_for_a_minute() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    let received = tv.refresh(&first).await;
    let second = token(&received);
    let mut access = vec![received.string("access_token")];
    for _ in 0..3 {
        server.clock.advance(20.0);
        let again = tv.refresh(&first).await;
        assert_eq!(token(&again), second);
        access.push(again.string("access_token"));
    }
    for token in &access {
        api.introspect(token).await.must_be_active();
    }
    access.dedup();
    assert_eq!(access.len(), 4);
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE generation = 2").await, 1);
    assert_ne!(token(&tv.refresh(&second).await), second);
    assert_eq!(server.count(LIVE).await, 1);
    // The trail tells repeats from exchanges.
    assert_eq!(server.audited("token.refreshed", "success").await, 5);
    assert_eq!(server.count(REPEATED).await, 3);
}

#[tokio::test]
async fn a_token_that_comes_back_after_a_minute_is_stolen() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let secret = AuthMethod::ClientSecretBasic;
    let shared = server.client("box", OFFLINE, |client| client.auth_method = secret).await;
    // A secret that all installations share proves nothing.
    for device in [server.tv().await, shared] {
        let first = token(&device.connect(&ada, OFFLINE).await);
        let second = token(&device.refresh(&first).await);
        server.clock.advance(60.1);
        device.refresh(&first).await.must_be_error("invalid_grant");
        device.refresh(&second).await.must_be_error("invalid_grant");
        assert_eq!(server.count(LIVE).await, 0);
    }
    assert_eq!(server.count(REUSED).await, 2);
    assert_eq!(server.audited("token_family.revoked", "success").await, 2);
}

#[tokio::test]
async fn a_token_whose_successor_was_used_is_stolen() {
    let server = TestServer::start().await;
    let (ada, key) = (server.ada().await, DpopKey::new(&server));
    let tv = server.tv().await;
    for device in [tv.with_key(&key), tv] {
        let started = device.start(OFFLINE).await;
        ada.approve(&started.user_code).await;
        let first = device.poll(&started).await.string("refresh_token");
        let second = device.refresh(&first).await.string("refresh_token");
        let third = device.refresh(&second).await.string("refresh_token");
        device.refresh(&first).await.must_be_error("invalid_grant");
        device.refresh(&third).await.must_be_error("invalid_grant");
    }
    assert_eq!(server.count(REUSED).await, 2);
}

#[tokio::test]
async fn a_repeat_does_not_extend_the_minute() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    token(&tv.refresh(&first).await);
    server.clock.advance(40.0);
    token(&tv.refresh(&first).await);
    server.clock.advance(20.1);
    tv.refresh(&first).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REUSED).await, 1);
}

#[tokio::test]
async fn the_minute_is_a_setting() {
    for (seconds, inside, outside) in [(0, 0.0, 0.1), (600, 600.0, 0.1)] {
        let server = TestServer::with(|config| config.tokens.refresh_repeat_seconds = seconds).await;
        let (tv, ada) = (server.tv().await, server.ada().await);
        let first = token(&tv.connect(&ada, OFFLINE).await);
        let second = token(&tv.refresh(&first).await);
        server.clock.advance(inside);
        assert_eq!(token(&tv.refresh(&first).await), second);
        server.clock.advance(outside);
        tv.refresh(&first).await.must_be_error("invalid_grant");
        assert_eq!(server.count(REUSED).await, 1, "{seconds}");
    }
}

#[tokio::test]
async fn a_proven_installation_repeats_at_any_time() {
    let server = TestServer::start().await;
    let (ada, key) = (server.ada().await, DpopKey::new(&server));
    let signing = AuthMethod::PrivateKeyJwt;
    let signing = server.client("box", OFFLINE, |client| client.auth_method = signing).await;
    let with_its_own_secret = |client: &mut Client| {
        client.auth_method = AuthMethod::ClientSecretBasic;
        client.credentials_per_installation = true;
    };
    let own = server.client("robot", OFFLINE, with_its_own_secret).await;
    for device in [server.tv().await.with_key(&key), signing, own] {
        let started = device.start(OFFLINE).await;
        ada.approve(&started.user_code).await;
        let first = device.poll(&started).await.string("refresh_token");
        let second = device.refresh(&first).await.string("refresh_token");
        server.clock.advance(10.0 * DAY);
        assert_eq!(device.refresh(&first).await.string("refresh_token"), second);
        assert_ne!(device.refresh(&second).await.string("refresh_token"), second);
    }
    assert_eq!(server.count(LIVE).await, 3);
}

#[tokio::test]
async fn a_lost_answer_is_repeated_at_any_time() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    let second = token(&tv.refresh(&first).await);
    server.execute("UPDATE devices SET unanswered = true").await;
    server.clock.advance(10.0 * DAY);
    assert_eq!(token(&tv.refresh(&first).await), second);
    let third = token(&tv.refresh(&second).await);
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE unanswered").await, 0);
    // Of the next exchange nothing is known.
    server.clock.advance(60.1);
    tv.refresh(&second).await.must_be_error("invalid_grant");
    tv.refresh(&third).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_locked_device_gets_no_repeat_and_keeps_its_token() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    let second = token(&tv.refresh(&first).await);
    server.execute("UPDATE devices SET locked_at = now()").await;
    for presented in [&first, &second] {
        let answer = tv.refresh(presented).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (503, "temporarily_unavailable"), "{answer:?}");
    }
    assert_eq!(server.count(LIVE).await, 1);
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE generation = 2").await, 1);
    server.execute("UPDATE devices SET locked_at = NULL").await;
    assert_eq!(token(&tv.refresh(&first).await), second);
}

#[tokio::test]
async fn a_repeat_may_narrow_scopes_as_an_exchange_may() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, "openid profile offline_access").await);
    let second = token(&tv.refresh(&first).await);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &first)];
    let narrow = tv.token(&[refresh.as_slice(), &[("scope", "profile")]].concat()).await;
    assert_eq!((narrow.must_be_tokens().string("scope"), token(&narrow)), ("profile".to_owned(), second));
    tv.token(&[refresh.as_slice(), &[("scope", "openid email")]].concat())
        .await
        .must_be_error("invalid_scope");
    assert_eq!(server.count(LIVE).await, 1);
}
