//! RFC 8628 §3.5, the answer with the tokens is lost on its way: a device that proves to be the same gets the same tokens
//! again, and so does each whose answer is known to be lost.

use std::cell::Cell;

use latchkey::model::client::AuthMethod;
use sqlx::{Connection, PgConnection};

use crate::support::device::Started;
use crate::support::{Device, DpopKey, Person, TestServer, until};

const OFFLINE: &str = "openid offline_access";
const LIVE: &str = "SELECT count(*) FROM devices WHERE revoked_at IS NULL";
const REPLAYED: &str = "SELECT count(*) FROM devices WHERE revoked_reason = 'device_code_replayed'";

async fn signing(server: &TestServer) -> Device {
    server.client("box", OFFLINE, |client| client.auth_method = AuthMethod::PrivateKeyJwt).await
}

async fn approved(device: &Device, ada: &Person) -> Started {
    let started = device.start(OFFLINE).await;
    ada.approve(&started.user_code).await;
    started
}

#[tokio::test]
async fn a_proven_caller_collects_the_same_refresh_token_again_for_a_minute() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let bound = server.tv().await.with_key(&DpopKey::new(&server));
    for device in [signing(&server).await, bound] {
        let started = approved(&device, &ada).await;
        let lost = device.poll(&started).await;
        let token = lost.string("refresh_token");
        for seconds in [5.0, 55.0] {
            server.clock.advance(seconds);
            let again = device.poll(&started).await;
            assert_eq!(again.string("refresh_token"), token);
            assert_ne!(again.string("access_token"), lost.string("access_token"));
        }
        assert_ne!(device.refresh(&token).await.string("refresh_token"), token);
    }
    assert_eq!((server.count(LIVE).await, server.audited("token_family.revoked", "success").await), (2, 0));
    assert_eq!(server.audited("device_authorization.redeemed", "success").await, 6);
    let repeated = "SELECT count(*) FROM audit_events
                    WHERE action = 'device_authorization.redeemed' AND details -> 'repeated' = 'true'";
    assert_eq!(server.count(repeated).await, 4);
}

#[tokio::test]
async fn a_code_that_comes_back_after_a_minute_is_a_replay() {
    let server = TestServer::start().await;
    let (device, ada) = (signing(&server).await, server.ada().await);
    let started = approved(&device, &ada).await;
    let token = device.poll(&started).await.must_be_tokens().string("refresh_token");
    server.clock.advance(60.1);
    device.poll(&started).await.must_be_error("invalid_grant");
    device.refresh(&token).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REPLAYED).await, 1);
}

#[tokio::test]
async fn a_shared_secret_collects_once() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let method = AuthMethod::ClientSecretBasic;
    let device = server.client("box", OFFLINE, |client| client.auth_method = method).await;
    let started = approved(&device, &ada).await;
    let token = device.poll(&started).await.must_be_tokens().string("refresh_token");
    server.clock.advance(5.0);
    device.poll(&started).await.must_be_error("invalid_grant");
    device.refresh(&token).await.must_be_tokens();
    server.clock.advance(15.1);
    device.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REPLAYED).await, 1);
}

#[tokio::test]
async fn tokens_that_were_used_were_received() {
    let server = TestServer::start().await;
    let (device, ada) = (signing(&server).await, server.ada().await);
    let started = approved(&device, &ada).await;
    let token = device.poll(&started).await.must_be_tokens().string("refresh_token");
    let renewed = device.refresh(&token).await.must_be_tokens().string("refresh_token");
    server.clock.advance(5.0);
    device.poll(&started).await.must_be_error("invalid_grant");
    device.refresh(&renewed).await.must_be_tokens();
}

#[tokio::test]
async fn what_was_revoked_meanwhile_is_not_handed_out_again() {
    let server = TestServer::start().await;
    let (device, ada) = (signing(&server).await, server.ada().await);
    let started = approved(&device, &ada).await;
    device.poll(&started).await.must_be_tokens();
    server.execute("UPDATE devices SET revoked_at = now(), revoked_reason = 'device_removed'").await;
    server.clock.advance(5.0);
    device.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 1);
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE state = 'consumed'").await, 1);
}

#[tokio::test]
async fn many_that_collect_again_at_once_get_the_one_refresh_token() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (device, ada) = (signing(&server).await, server.ada().await);
    let started = approved(&device, &ada).await;
    let token = device.poll(&started).await.must_be_tokens().string("refresh_token");
    server.clock.advance(5.0);
    let mut polls = tokio::task::JoinSet::new();
    for device in [device.at(&replica.base), device].iter().cycle().take(40) {
        let (device, started) = (device.clone(), started.clone());
        polls.spawn(async move { device.poll(&started).await });
    }
    for answer in polls.join_all().await {
        assert_eq!(answer.must_be_tokens().string("refresh_token"), token);
    }
    assert_eq!(server.count(LIVE).await, 1);
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE generation = 1").await, 1);
}

#[tokio::test]
async fn an_answer_that_is_known_to_be_lost_is_given_to_the_same_client_at_any_time() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let other = server.public_client("other", OFFLINE).await;
    let started = approved(&tv, &ada).await;
    let token = tv.poll(&started).await.must_be_tokens().string("refresh_token");
    server.execute("UPDATE devices SET unanswered = true").await;
    server.clock.advance(300.0);
    other.poll(&started).await.must_be_error("invalid_grant");
    for _ in 0..2 {
        assert_eq!(tv.poll(&started).await.must_be_tokens().string("refresh_token"), token);
    }
    tv.refresh(&token).await.must_be_tokens();
    // Now that they were used, the code has no more to give.
    tv.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REPLAYED).await, 1);
}

#[tokio::test]
async fn a_caller_that_hangs_up_while_its_collection_is_stored_gets_the_tokens_later() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = approved(&tv, &ada).await;
    let mut database = PgConnection::connect_with(&server.database).await.expect("the database answers");
    let mut holder = database.begin().await.expect("a transaction");
    let lock = "SELECT FROM device_authorizations FOR UPDATE";
    sqlx::query(lock).execute(&mut *holder).await.expect("the row");
    let (caller, code) = (tv.clone(), started.clone());
    #[expect(clippy::disallowed_methods, reason = "it is stopped below")]
    let poll = tokio::spawn(async move { caller.poll(&code).await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("the collection waits for the row", async || server.count(waits).await > 0).await;
    poll.abort();
    assert!(poll.await.is_err(), "it was stopped before it was answered");
    holder.commit().await.expect("the row is free");
    let unanswered = "SELECT count(*) FROM devices WHERE unanswered AND generation = 1";
    until("the collection is marked", async || server.count(unanswered).await == 1).await;
    server.clock.advance(300.0);
    let token = tv.poll(&started).await.must_be_tokens().string("refresh_token");
    tv.refresh(&token).await.must_be_tokens();
    assert_eq!(server.count(LIVE).await, 1);
}

#[tokio::test]
async fn a_poll_that_waits_behind_a_collection_that_was_given_up_gets_its_tokens() {
    let server = TestServer::start().await;
    let impatient = server.replica_with(|config| config.server.request_timeout_seconds = 3).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    // The code of a device that proves a key is looked up first, and so is found approved.
    let tv = tv.with_key(&DpopKey::new(&server));
    let started = approved(&tv, &ada).await;
    let tv = tv.at(&impatient.base);
    let mut database = PgConnection::connect_with(&server.database).await.expect("the database answers");
    let mut holder = database.begin().await.expect("a transaction");
    let lock = "SELECT FROM device_authorizations FOR UPDATE";
    sqlx::query(lock).execute(&mut *holder).await.expect("the row");
    assert_eq!(tv.poll(&started).await.status, 503);
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let answered = Cell::new(false);
    let polling = async {
        let answer = tv.poll(&started).await;
        answered.set(true);
        answer
    };
    let freeing = async {
        let both_wait = async || answered.get() || server.count(waiting).await == 2;
        until("both collections wait for the row", both_wait).await;
        holder.commit().await.expect("the row is free");
    };
    let (mut answer, ()) = tokio::join!(polling, freeing);
    until("the database is well", async || {
        if answer.status == 503 {
            answer = tv.poll(&started).await;
        }
        answer.status != 503
    })
    .await;
    tv.refresh(&answer.string("refresh_token")).await.must_be_bound_tokens();
    assert_eq!(server.count(LIVE).await, 1);
}

#[tokio::test]
async fn while_the_database_was_unwell_a_collected_code_hears_503() {
    // Trouble is noticed within 15 seconds.
    let server = TestServer::with(|config| config.database.lock_timeout_milliseconds = 3_000).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = approved(&tv, &ada).await;
    let token = tv.poll(&started).await.must_be_tokens().string("refresh_token");
    server.app.lost_answers.note_trouble(server.clock.now());
    for seconds in [5.0, 25.0, 30.0] {
        server.clock.advance(seconds);
        let answer = tv.poll(&started).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (503, "temporarily_unavailable"), "{answer:?}");
    }
    assert_eq!(server.count(LIVE).await, 1);
    tv.refresh(&token).await.must_be_tokens();
    // Trouble now says nothing of a code that was collected before.
    server.clock.advance(0.1);
    server.app.lost_answers.note_trouble(server.clock.now());
    tv.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REPLAYED).await, 1);
}
