//! `sessions.coherence = "read_through"`: the same answers without announcements.

use latchkey::config::Coherence;
use latchkey::domain::device_flow::bookkeeping::reread_due;

use crate::support::TestServer;

async fn server() -> TestServer {
    TestServer::with(|config| config.sessions.coherence = Coherence::ReadThrough).await
}

#[tokio::test]
async fn every_poll_asks_the_database() {
    let first = server().await;
    let second = first.replica().await;
    let (tv, ada) = (first.tv().await, first.ada().await);
    let started = tv.start("openid offline_access").await;
    let at_second = tv.at(&second.base);
    tv.poll(&started).await.must_be_error("authorization_pending");
    // The servers share the last poll through the database, not only the interval.
    at_second.poll(&started).await.must_be_error("slow_down");
    first.clock.advance(10.0);
    at_second.poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    at_second.poll(&started).await.must_be_tokens();
    tv.poll(&started).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_disabled_client_is_refused_by_the_next_request() {
    let first = server().await;
    let second = first.replica().await;
    let tv = first.tv().await;
    let started = tv.start("openid").await;
    tv.at(&second.base).poll(&started).await.must_be_error("authorization_pending");
    first.change_client("tv", |client| client.enabled = false).await;
    tv.at(&second.base).poll(&started).await.must_be_error("invalid_client");
}

#[tokio::test]
async fn of_polls_at_the_same_moment_one_is_on_time() {
    let server = server().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let polls = (0..20).map(|_| {
        let (tv, started) = (tv.clone(), started.clone());
        async move { tv.poll(&started).await }
    });
    let answers = polls.collect::<tokio::task::JoinSet<_>>().join_all().await;
    let pending = answers.iter().filter(|answer| answer.error() == "authorization_pending").count();
    assert_eq!(pending, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| ["authorization_pending", "slow_down"].contains(&answer.error())));
}

#[tokio::test]
async fn remembered_codes_are_not_read_anew() {
    let server = server().await;
    let tv = server.tv().await;
    tv.start("openid").await;
    assert_eq!(server.app.sessions.len(), 1);
    // The server's own task may have looked already.
    server.clock.advance(31.0);
    assert!(server.app.sessions.take_due(server.clock.now(), 9_600).to_read.is_empty());
    server.clock.advance(570.0);
    while !server.app.sessions.is_empty() {
        reread_due(&server.app, 9_600).await.unwrap();
    }
}
