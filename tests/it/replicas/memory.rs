//! What a server remembers, and what it does when it cannot.

use futures_util::future::join_all;
use latchkey::config::Coherence;
use latchkey::domain::device_flow::bookkeeping::reread_due;
use latchkey::model::bearer_secret::{BearerSecret, SecretKind};
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::random::Random;
use latchkey::store::device_authorizations::pending_counts::PendingCounts;
use sqlx::{Connection, PgConnection};

use crate::support::clock::ManualClock;
use crate::support::patience::PATIENCE;
use crate::support::{TestServer, database, until};

#[tokio::test]
async fn polls_of_a_waiting_code_need_no_database() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    // Client and tenant are known by now.
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.app.db.close().await;
    for _ in 0..3 {
        server.clock.advance(6.0);
        tv.poll(&started).await.must_be_error("authorization_pending");
    }
}

#[tokio::test]
async fn unknown_codes_do_not_grow_the_memory() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    for _ in 0..20 {
        let code = BearerSecret::generate(SecretKind::DeviceCode, &Random::system());
        tv.poll_code(code.expose(), &[]).await.must_be_error("invalid_grant");
    }
    assert!(server.app.sessions.is_empty());
}

#[tokio::test]
async fn a_code_that_cannot_be_ours_is_refused_without_the_database() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    tv.poll(&started).await;
    server.app.db.close().await;
    let (most, last) = started.device_code.split_at(started.device_code.len() - 1);
    let mistyped = format!("{most}{}", if last == "x" { "y" } else { "x" });
    for code in [mistyped.as_str(), "lkd_short", &started.user_code, "x"] {
        tv.poll_code(code, &[]).await.must_be_error("invalid_grant");
    }
}

#[tokio::test]
async fn over_its_capacity_the_server_works_from_the_database() {
    let server = TestServer::with(|config| {
        config.sessions.coherence = Coherence::Notify;
        config.sessions.capacity = 0;
    })
    .await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    tv.poll(&started).await.must_be_error("slow_down");
    server.clock.advance(10.0);
    tv.poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
    assert!(server.app.sessions.is_empty());
}

#[tokio::test]
async fn a_decision_that_was_not_announced_is_found_by_reading_anew() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let mut admin = PgConnection::connect_with(&server.database).await.unwrap();
    sqlx::query("UPDATE device_authorizations SET state = 'denied', decided_at = now()")
        .execute(&mut admin)
        .await
        .unwrap();
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.clock.advance(31.0);
    reread_due(&server.app, 100_000).await.unwrap();
    let id = server.read_code(&started.device_code).await.authorization();
    until("the decision is found", async || server.app.sessions.with(&id, |_| ()).is_none()).await;
    tv.poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn a_restarted_server_knows_every_code_again() {
    let server = TestServer::hearing().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let next = server.replica().await;
    drop(server);
    let tv = tv.at(&next.base);
    tv.poll(&started).await.must_be_error("authorization_pending");
    let ada = crate::support::Person::new(&next.base, &ada.username, &ada.password);
    ada.approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_crowd_at_a_server_that_has_just_started_has_waiting_codes_counted_once() {
    let db = database::pool(database::create().await, PATIENCE);
    let (counts, now) = (PendingCounts::default(), ManualClock::new().now());
    let crowd = (0..20).map(|_| counts.get(&db, DEFAULT_TENANT, 1_000, now));
    for count in join_all(crowd).await {
        assert_eq!(count.unwrap(), 0);
    }
    assert_eq!(db.size(), 1, "as many counts as connections");
}

#[tokio::test]
async fn waiting_codes_that_could_not_be_counted_are_counted_by_whoever_comes_next() {
    let (counts, now) = (PendingCounts::default(), ManualClock::new().now());
    let options = database::create().await;
    let away = database::pool(options.clone(), PATIENCE);
    away.close().await;
    assert!(counts.get(&away, DEFAULT_TENANT, 1_000, now).await.is_err());
    let back = database::pool(options, PATIENCE);
    assert_eq!(counts.get(&back, DEFAULT_TENANT, 1_000, now).await.unwrap(), 0);
}
