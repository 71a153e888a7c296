//! A decision taken on one server is obeyed by all.

use std::sync::Arc;

use latchkey::config::Coherence;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::device_authorizations::memory::{Owner, PendingSession, Remembered};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;

use crate::support::{Device, Person, Started, TestServer, until};

/// Two servers, a device of the first and a person at it.
async fn two_servers() -> (TestServer, TestServer, Device, Person) {
    let first = TestServer::with(|config| {
        config.sessions.coherence = Coherence::Notify;
        config.rate_limits.enabled = false;
    })
    .await;
    let second = first.replica().await;
    let (tv, ada) = (first.tv().await, first.ada().await);
    (first, second, tv, ada)
}

/// Waits until a server has heard what was announced before.
async fn has_heard(server: &TestServer, code: &str) {
    let id = server.read_code(code).await.authorization();
    until("the server hears of it", async || server.app.sessions.with(&id, |_| ()).is_none()).await;
}

#[tokio::test]
async fn a_code_started_on_one_server_is_approved_and_collected_on_another() {
    let (_first, second, tv, ada) = two_servers().await;
    let started = tv.start("openid offline_access").await;
    let at_second = tv.at(&second.base);
    at_second.poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    has_heard(&second, &started.device_code).await;
    at_second.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_hundred_polls_on_two_servers_redeem_once() {
    let (first, second, tv, ada) = two_servers().await;
    let started = tv.start("openid offline_access").await;
    tv.at(&second.base).poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    has_heard(&second, &started.device_code).await;
    let mut polls = JoinSet::new();
    for number in 0..100 {
        let device = if number % 2 == 0 { tv.clone() } else { tv.at(&second.base) };
        let started = started.clone();
        polls.spawn(async move { device.poll(&started).await });
    }
    let answers = polls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.error() == "invalid_grant").count(), 99, "{answers:?}");
    assert_eq!(first.count("SELECT count(*) FROM devices").await, 1);
    assert_eq!(first.count("SELECT count(*) FROM devices WHERE revoked_at IS NULL").await, 1);
}

#[tokio::test]
async fn a_row_read_before_a_decision_is_not_cached_after_it() {
    let (first, second, tv, ada) = two_servers().await;
    let started = tv.start("openid").await;
    let code = second.read_code(&started.device_code).await;
    let (id, memory) = (code.authorization(), &second.app.sessions);
    // The second server reads the row, the person decides, and only then the row would be remembered.
    let ticket = memory.ticket(&id);
    let found = second.app.queues.polls.submit((DEFAULT_TENANT, (id, code.hash()))).await.unwrap().unwrap();
    ada.approve(&started.user_code).await;
    until("the decision is heard", async || memory.ticket(&id) != ticket).await;
    let owner = Owner {
        tenant_id: DEFAULT_TENANT,
        client_id: found.session.client_id.clone(),
        tally: Arc::default(),
    };
    let stale = PendingSession::new(id, owner.into(), found.session.expires_at, found.polling);
    assert_eq!(memory.remember_read(stale, ticket, first.clock.now()), Remembered::No);
    tv.at(&second.base).poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn while_a_server_is_deaf_it_asks_the_database() {
    let (first, second, tv, ada) = two_servers().await;
    let started = tv.start("openid").await;
    let at_second = tv.at(&second.base);
    at_second.poll(&started).await.must_be_error("authorization_pending");
    second.app.sessions.distrust();
    ada.approve(&started.user_code).await;
    at_second.poll(&started).await.must_be_tokens();
    drop(first);
}

#[tokio::test]
async fn a_lost_listening_connection_is_noticed_and_replaced() {
    let (first, second, tv, ada) = two_servers().await;
    let started = tv.start("openid").await;
    let at_second = tv.at(&second.base);
    at_second.poll(&started).await.must_be_error("authorization_pending");
    let id = second.read_code(&started.device_code).await.authorization();
    // Every listener of this database is killed; what is remembered before must not be believed after.
    let mut admin = PgConnection::connect_with(&first.database).await.unwrap();
    let killed: i64 = sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND query ILIKE 'LISTEN%' AND pid <> pg_backend_pid()",
    )
    .fetch_one(&mut admin)
    .await
    .unwrap();
    assert_eq!(killed, 2);
    until("nothing is remembered", async || second.app.sessions.with(&id, |_| ()).is_none()).await;
    ada.approve(&started.user_code).await;
    at_second.poll(&started).await.must_be_tokens();
    // And it hears again.
    let next = tv.start("openid").await;
    until("the second server hears again", async || second.app.sessions.is_trusted()).await;
    at_second.poll(&next).await.must_be_error("authorization_pending");
    ada.approve(&next.user_code).await;
    has_heard(&second, &next.device_code).await;
    at_second.poll(&next).await.must_be_tokens();
}

#[tokio::test]
async fn a_disabled_client_is_refused_everywhere_at_once() {
    let (first, second, tv, ada) = two_servers().await;
    let started = tv.start("openid offline_access").await;
    let at_second = tv.at(&second.base);
    at_second.poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    first.change_client("tv", |client| client.enabled = false).await;
    // The announcement may still be under way to the second server; a refresh is refused in any case.
    let refused = at_second.refresh(&tokens.string("refresh_token")).await;
    assert!(["invalid_client", "invalid_grant"].contains(&refused.error()), "{refused:?}");
    let refused = async || at_second.poll(&started).await.error() == "invalid_client";
    until("the second server refuses the client", refused).await;
}

#[tokio::test]
async fn a_server_that_has_not_heard_of_a_disabled_client_refuses_its_refreshes_at_once() {
    let server = TestServer::with(|config| config.sessions.coherence = Coherence::Notify).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, "openid offline_access").await.string("refresh_token");
    let newer = tv.refresh(&token).await.string("refresh_token");
    // Nobody announces it.
    server.execute("UPDATE clients SET enabled = false").await;
    for token in [&newer, &token] {
        tv.refresh(token).await.must_be_error("invalid_client");
    }
    server.execute("UPDATE clients SET enabled = true").await;
    tv.refresh(&newer).await.must_be_tokens();
}

#[tokio::test]
async fn a_killed_servers_unwritten_polls_cost_counters_only() {
    let (first, second, tv, ada) = two_servers().await;
    let started: Started = tv.start("openid").await;
    tv.at(&second.base).poll(&started).await.must_be_error("authorization_pending");
    drop(second);
    tv.poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
    drop(first);
}
