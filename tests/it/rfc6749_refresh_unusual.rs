//! Refreshes that no device makes on an ordinary day: after the database was restored, from other networks, again and
//! again, and with answers that never arrive.

use chrono::TimeDelta;
use latchkey::domain::{lost_answers, mac_keys};
use latchkey::model::refresh_token::RefreshToken;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::memory::lost_answers::Generation;
use latchkey::store::sending::Sending;
use sqlx::{Connection, PgConnection};

use crate::support::address_file::{Folder, example_files};
use crate::support::{Answer, Device, DpopKey, TestServer, until};

const OFFLINE: &str = "openid offline_access";
const LIVE: &str = "SELECT count(*) FROM devices WHERE revoked_at IS NULL";
const REUSED: &str = "SELECT count(*) FROM devices WHERE revoked_reason = 'refresh_token_reused'";
const UNUSUAL: &str = "SELECT count(*) FROM devices WHERE unusual_at IS NOT NULL";
const UNANSWERED: &str = "SELECT count(*) FROM devices WHERE unanswered AND generation = 2";
const HOME: &str = "198.51.100.1";

fn token(answer: &Answer) -> String {
    answer.must_be_tokens().string("refresh_token")
}

/// The number of refreshes that the audit trail calls unusual in this way.
async fn called_unusual(server: &TestServer, word: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM audit_events WHERE details ->> 'unusual' = $1")
        .bind(word)
        .fetch_one(&server.app.db)
        .await
        .expect("a count")
}

#[tokio::test]
async fn a_token_that_a_restored_database_does_not_know_yet_is_exchanged() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let mut token_now = token(&tv.connect(&ada, OFFLINE).await);
    for _ in 0..3 {
        token_now = token(&tv.refresh(&token_now).await);
    }
    server.execute("UPDATE devices SET generation = generation - 2").await;
    let next = token(&tv.refresh(&token_now).await);
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE generation = 5").await, 1);
    assert_eq!(server.count(UNUSUAL).await, 1);
    let told =
        "SELECT count(*) FROM audit_events WHERE action = 'token.refreshed' AND details -> 'restored' = '2'";
    assert_eq!(server.count(told).await, 1);
    // From now on it is as any other: what was exchanged comes back for a minute, what is older is stolen.
    assert_eq!(token(&tv.refresh(&token_now).await), next);
    server.clock.advance(60.1);
    tv.refresh(&token_now).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REUSED).await, 1);
}

#[tokio::test]
async fn a_database_that_lost_more_than_a_hundred_generations_is_not_believed() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    server.execute("UPDATE devices SET generation = generation - 101").await;
    let before = server.rows().await;
    tv.refresh(&first).await.must_be_error("invalid_grant");
    let after = server.rows().await;
    assert_eq!((&before["devices"], &before["audit_events"]), (&after["devices"], &after["audit_events"]));
    server.execute("UPDATE devices SET generation = generation + 1").await;
    token(&tv.refresh(&first).await);
}

#[tokio::test]
async fn a_restored_database_revives_nothing_that_ended() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    server.execute("UPDATE devices SET generation = generation - 7").await;
    for (change, back, status) in [
        ("UPDATE devices SET revoked_at = now()", "UPDATE devices SET revoked_at = NULL", 400),
        ("UPDATE devices SET locked_at = now()", "UPDATE devices SET locked_at = NULL", 503),
        (
            "UPDATE devices SET idle_expires_at = idle_expires_at - interval '15 days'",
            "UPDATE devices SET idle_expires_at = idle_expires_at + interval '15 days'",
            400,
        ),
        (
            "UPDATE users SET tokens_not_before = now() + interval '1 day'",
            "UPDATE users SET tokens_not_before = NULL",
            400,
        ),
        ("UPDATE users SET enabled = false", "UPDATE users SET enabled = true", 400),
    ] {
        server.execute(change).await;
        let answer = tv.refresh(&first).await;
        assert_eq!(answer.status, status, "{change}: {answer:?}");
        server.execute(back).await;
    }
    assert_eq!(server.count(REUSED).await, 0);
    token(&tv.refresh(&first).await);
}

/// A device at home whose first token was exchanged once: the first token, and its successor.
async fn exchanged(server: &TestServer, device: &Device) -> (String, String) {
    let ada = server.ada().await;
    let started = device.start(OFFLINE).await;
    ada.approve(&started.user_code).await;
    let first = device.poll(&started).await.string("refresh_token");
    let second = device.refresh(&first).await.string("refresh_token");
    (first, second)
}

#[tokio::test]
async fn three_repeats_from_other_networks_are_allowed_and_the_fourth_is_theft() {
    let server = TestServer::behind_a_proxy().await;
    let tv = server.tv().await.forwarded_for(HOME);
    let (first, second) = exchanged(&server, &tv).await;
    // The same /24 is the same network.
    for _ in 0..5 {
        assert_eq!(token(&tv.forwarded_for("198.51.100.77").refresh(&first).await), second);
    }
    assert_eq!((server.count(UNUSUAL).await, called_unusual(&server, "another_network").await), (0, 0));
    for address in ["198.51.101.1", "203.0.113.5", "2001:db8::1"] {
        assert_eq!(token(&tv.forwarded_for(address).refresh(&first).await), second);
    }
    assert_eq!((server.count(UNUSUAL).await, called_unusual(&server, "another_network").await), (1, 3));
    assert_eq!(token(&tv.refresh(&first).await), second, "home is not counted");
    tv.forwarded_for("203.0.113.5").refresh(&first).await.must_be_error("invalid_grant");
    assert_eq!((server.count(LIVE).await, server.count(REUSED).await), (0, 1));
    tv.refresh(&second).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn one_autonomous_system_is_one_network() {
    let folder = Folder::new();
    let (_, networks) = example_files(&folder);
    let server = TestServer::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        config.geo.asn_file = Some(networks);
    })
    .await;
    server.app.geo.reread();
    let tv = server.tv().await.forwarded_for("192.0.2.1");
    let (first, second) = exchanged(&server, &tv).await;
    // Another /24 of the same system.
    for _ in 0..5 {
        assert_eq!(token(&tv.forwarded_for("203.0.113.1").refresh(&first).await), second);
    }
    assert_eq!((server.count(UNUSUAL).await, called_unusual(&server, "another_network").await), (0, 0));
    // Next to it, and another system's; then an address of no system that is known.
    for address in ["203.0.113.129", "100.64.0.1"] {
        assert_eq!(token(&tv.forwarded_for(address).refresh(&first).await), second);
    }
    assert_eq!(called_unusual(&server, "another_network").await, 2);
}

#[tokio::test]
async fn repeats_from_other_networks_are_counted_for_a_day() {
    let server = TestServer::behind_a_proxy().await;
    let tv = server.tv().await.forwarded_for("2001:db8:1::1");
    let (mut before, mut now) = exchanged(&server, &tv).await;
    assert_eq!(token(&tv.forwarded_for("2001:db8:1:ffff::1").refresh(&before).await), now, "the same /48");
    for _ in 0..3 {
        for _ in 0..3 {
            assert_eq!(token(&tv.forwarded_for("2001:db8:2::1").refresh(&before).await), now);
        }
        server.clock.advance(86_400.0);
        let next = token(&tv.refresh(&now).await);
        (before, now) = (now, next);
    }
    assert_eq!(called_unusual(&server, "another_network").await, 9);
    assert_eq!(server.count(LIVE).await, 1);
}

#[tokio::test]
async fn a_proven_installation_repeats_from_any_network() {
    let server = TestServer::behind_a_proxy().await;
    let tv = server.tv().await.with_key(&DpopKey::new(&server)).forwarded_for(HOME);
    let (first, second) = exchanged(&server, &tv).await;
    for number in 0..5 {
        let away = tv.forwarded_for(&format!("203.0.{number}.1"));
        assert_eq!(away.refresh(&first).await.string("refresh_token"), second);
    }
    assert_eq!((server.count(LIVE).await, server.count(UNUSUAL).await), (1, 0));
}

#[tokio::test]
async fn repeats_in_five_generations_in_a_row_are_unusual() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let mut now = token(&tv.connect(&ada, OFFLINE).await);
    for repeated in [true, true, true, true, false, true, true, true, true] {
        let next = token(&tv.refresh(&now).await);
        if repeated {
            assert_eq!(token(&tv.refresh(&now).await), next);
            assert_eq!(token(&tv.refresh(&now).await), next);
        }
        now = next;
    }
    assert_eq!((server.count(UNUSUAL).await, called_unusual(&server, "repeats_in_a_row").await), (0, 0));
    let next = token(&tv.refresh(&now).await);
    assert_eq!(token(&tv.refresh(&now).await), next);
    assert_eq!((server.count(UNUSUAL).await, called_unusual(&server, "repeats_in_a_row").await), (1, 1));
    token(&tv.refresh(&next).await);
    assert_eq!(server.count(LIVE).await, 1);
}

#[tokio::test]
async fn a_caller_that_hangs_up_while_its_exchange_is_stored_gets_the_same_token_later() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    let mut database = PgConnection::connect_with(&server.database).await.expect("the database answers");
    let mut holder = database.begin().await.expect("a transaction");
    sqlx::query("SELECT FROM devices FOR UPDATE").execute(&mut *holder).await.expect("the row");
    let (caller, presented) = (tv.clone(), first.clone());
    #[expect(clippy::disallowed_methods, reason = "it is stopped below")]
    let refresh = tokio::spawn(async move { caller.refresh(&presented).await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("the exchange waits for the row", async || server.count(waits).await > 0).await;
    refresh.abort();
    assert!(refresh.await.is_err(), "it was stopped before it was answered");
    holder.commit().await.expect("the row is free");
    until("the exchange is marked", async || server.count(UNANSWERED).await == 1).await;
    server.clock.advance(86_400.0);
    let second = token(&tv.refresh(&first).await);
    token(&tv.refresh(&second).await);
    assert_eq!((server.count(LIVE).await, server.count(REUSED).await), (1, 0));
}

#[tokio::test]
async fn a_caller_that_was_answered_503_gets_the_same_token_later() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    let mut database = PgConnection::connect_with(&server.database).await.expect("the database answers");
    let mut holder = database.begin().await.expect("a transaction");
    sqlx::query("SELECT FROM devices FOR UPDATE").execute(&mut *holder).await.expect("the row");
    let (caller, presented) = (tv.clone(), first.clone());
    #[expect(clippy::disallowed_methods, reason = "it is awaited below")]
    let refresh = tokio::spawn(async move { caller.refresh(&presented).await });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("the exchange waits for the row", async || server.count(waits).await > 0).await;
    // The connection is lost, and with it the word of what became of the exchange.
    let lose = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
    assert_eq!(server.count(lose).await, 1);
    let answer = refresh.await.expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.error()), (503, "temporarily_unavailable"), "{answer:?}");
    holder.rollback().await.expect("the row is free");
    // As if it had been committed all the same.
    let late = sqlx::query("UPDATE devices SET generation = 2, exchanged_at = $1").bind(server.clock.now());
    late.execute(&server.app.db).await.expect("it is committed");
    until("the exchange is marked", async || server.count(UNANSWERED).await == 1).await;
    server.clock.advance(86_400.0);
    let second = token(&tv.refresh(&first).await);
    token(&tv.refresh(&second).await);
    assert_eq!((server.count(LIVE).await, server.count(REUSED).await), (1, 0));
}

/// An old token must not get more time because whoever presents it hangs up.
#[tokio::test]
async fn a_lost_answer_of_another_exchange_leaves_no_mark() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    server.clock.advance(10.0);
    let second = token(&tv.refresh(&first).await);
    let key = mac_keys::tokens(&server.app, DEFAULT_TENANT).await.expect("the database answers");
    let device = RefreshToken::read(DEFAULT_TENANT, &key, &second).expect("a refresh token").device();
    let generation = Generation { tenant: DEFAULT_TENANT, device, number: 2 };
    let late = Sending::at(server.clock.now() + TimeDelta::seconds(1));
    drop(server.app.lost_answers.watch(generation, late));
    lost_answers::mark(&server.app).await.expect("the database answers");
    assert_eq!(server.count(UNANSWERED).await, 0);
    server.clock.advance(61.0);
    tv.refresh(&first).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REUSED).await, 1);
}
