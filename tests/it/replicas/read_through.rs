//! `sessions.coherence = "read_through"`: the same answers without announcements.

use chrono::TimeDelta;
use latchkey::config::Coherence;
use latchkey::domain::device_flow::bookkeeping::reread_due;
use latchkey::model::bearer_secret::{BearerSecret, SecretKind};
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::device_authorizations::memory::UnwrittenPolls;
use latchkey::store::device_authorizations::polls;

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
async fn polls_that_are_written_late_make_no_other_early() {
    let server = server().await;
    let tv = server.tv().await;
    let code =
        BearerSecret::parse(SecretKind::DeviceCode, &tv.start("openid").await.device_code).unwrap().hash();
    let find = async || {
        polls::find(&server.app.db, DEFAULT_TENANT, &[(DEFAULT_TENANT, code)])
            .await
            .unwrap()
            .remove(0)
            .expect("the session")
    };
    // What a server could not write while the database was away, it writes between a poll's look and its mark.
    let alone_although_another_was = async |seconds_ago: i64| {
        let (found, now) = (find().await, server.clock.now());
        let other = UnwrittenPolls {
            tenant: DEFAULT_TENANT,
            code,
            id: found.session.id,
            polls: 1,
            last_polled_at: now - TimeDelta::seconds(seconds_ago),
            interval_seconds: found.polling.interval_seconds,
            slowed: false,
        };
        polls::write(&server.app.db, DEFAULT_TENANT, &[other]).await.unwrap();
        let silent_since = found.polling.silent_since(now);
        polls::record(&server.app.db, &found, 5, 10, silent_since, now).await.unwrap()
    };
    assert!(alone_although_another_was(6).await);
    assert_eq!(find().await.polling.interval_seconds, 5);
    server.clock.advance(20.0);
    assert!(!alone_although_another_was(1).await);
    assert_eq!(find().await.polling.interval_seconds, 10);
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
