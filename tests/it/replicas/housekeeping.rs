//! Clearing away, by several servers at once.

use latchkey::domain::housekeeping::{Chore, clear_away};

use crate::support::TestServer;

/// Clears away until nothing is left; how many rows went.
async fn clear(server: &TestServer, chore: Chore) -> u64 {
    let mut total = 0;
    loop {
        match clear_away(&server.app, chore).await.expect("the database answers") {
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
    assert_eq!(clear(&first, Chore::ExpiredSessions).await, 0);
    tv.poll(&codes[0]).await.must_be_error("expired_token");
    first.clock.advance(2.0);
    let (ours, theirs) =
        tokio::join!(clear(&first, Chore::ExpiredSessions), clear(&second, Chore::ExpiredSessions));
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
    clear(&server, Chore::ExpiredSessions).await;
    assert_eq!(server.count("SELECT count(*) FROM spent_user_codes").await, 1);
    server.clock.advance(86_399.0);
    assert_eq!(clear(&server, Chore::SpentUserCodes).await, 0);
    server.clock.advance(1.0);
    assert_eq!(clear(&server, Chore::SpentUserCodes).await, 1);
}

#[tokio::test]
async fn decided_sessions_are_history_for_a_month() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.deny(&started.user_code).await;
    server.clock.advance(86_400.0 * 30.0);
    assert_eq!(clear(&server, Chore::DecidedSessions).await, 0);
    server.clock.advance(601.0);
    assert_eq!(clear(&server, Chore::DecidedSessions).await, 1);
}

#[tokio::test]
async fn ended_devices_go_with_their_tokens() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
    server.clock.advance(86_400.0 * 119.0);
    assert_eq!(clear(&server, Chore::EndedDevices).await, 0);
    server.clock.advance(86_400.0 * 2.0);
    assert_eq!(clear(&server, Chore::EndedDevices).await, 1);
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
    assert_eq!(clear(&server, Chore::BrowserSessions).await, 1);
    assert_eq!(clear(&server, Chore::AttemptBudgets).await, 2);
    // The template's own events (tenant, keys) are as old as the test's.
    assert!(clear(&server, Chore::AuditEvents).await >= 2);
    assert_eq!(server.count("SELECT count(*) FROM audit_events").await, 0);
}
