//! Clearing away, by several servers at once.

use latchkey::domain::housekeeping::{
    Chore, attempt_budgets, audit_events, browser_sessions, decided_sessions, ended_devices,
    expired_sessions, spent_user_codes,
};

use crate::support::TestServer;

/// Clears away until nothing is left; how many rows went.
async fn clear(server: &TestServer, chore: Chore) -> u64 {
    let mut total = 0;
    loop {
        match chore.clear_batch(&server.app).await.expect("the database answers") {
            0 => return total,
            rows => total += rows,
        }
    }
}

#[tokio::test]
async fn expired_codes_stay_one_lifetime_and_go_once() {
    let first = TestServer::start().await;
    let second = first.replica().await;
    let tv = first.tv().await;
    let mut codes = Vec::new();
    for _ in 0..10 {
        codes.push(tv.start("openid").await);
    }
    first.clock.advance(1_199.0);
    assert_eq!(clear(&first, expired_sessions::CHORE).await, 0);
    tv.poll(&codes[0]).await.must_be_error("expired_token");
    first.clock.advance(2.0);
    let (ours, theirs) =
        tokio::join!(clear(&first, expired_sessions::CHORE), clear(&second, expired_sessions::CHORE));
    assert_eq!(ours + theirs, 10);
    assert_eq!(first.count("SELECT count(*) FROM device_sessions").await, 0);
    tv.poll(&codes[0]).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_user_code_rests_for_a_day() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    tv.start("openid").await;
    server.clock.advance(1_201.0);
    clear(&server, expired_sessions::CHORE).await;
    assert_eq!(server.count("SELECT count(*) FROM spent_user_codes").await, 1);
    server.clock.advance(86_399.0);
    assert_eq!(clear(&server, spent_user_codes::CHORE).await, 0);
    server.clock.advance(1.0);
    assert_eq!(clear(&server, spent_user_codes::CHORE).await, 1);
}

#[tokio::test]
async fn decided_sessions_are_history_for_a_month() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.deny(&started.user_code).await;
    server.clock.advance(86_400.0 * 30.0);
    assert_eq!(clear(&server, decided_sessions::CHORE).await, 0);
    server.clock.advance(601.0);
    assert_eq!(clear(&server, decided_sessions::CHORE).await, 1);
}

#[tokio::test]
async fn ended_devices_go_with_their_tokens() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
    server.clock.advance(86_400.0 * 119.0);
    assert_eq!(clear(&server, ended_devices::CHORE).await, 0);
    server.clock.advance(86_400.0 * 2.0);
    assert_eq!(clear(&server, ended_devices::CHORE).await, 1);
    for table in ["SELECT count(*) FROM token_families", "SELECT count(*) FROM refresh_tokens"] {
        assert_eq!(server.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn old_browser_sessions_budgets_and_events_go() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    server.clock.advance(86_400.0 * 401.0);
    assert_eq!(clear(&server, browser_sessions::CHORE).await, 1);
    assert_eq!(clear(&server, attempt_budgets::CHORE).await, 2);
    // The template's own events (tenant, keys) are as old as the test's.
    assert!(clear(&server, audit_events::CHORE).await >= 2);
    assert_eq!(server.count("SELECT count(*) FROM audit_events").await, 0);
}
