//! How often a device may poll, whichever servers its polls reach (RFC 8628 §3.5).

use latchkey::domain::device_flow::bookkeeping::write_polls;
use latchkey::model::ids::DeviceAuthorizationId;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::device_authorizations::memory::UnwrittenPolls;
use latchkey::store::device_authorizations::polls;
use latchkey::store::transactions;

use crate::support::patience::in_time;
use crate::support::{TestServer, until};

#[tokio::test]
async fn an_interval_raised_on_one_server_is_respected_on_another() {
    let first = TestServer::hearing().await;
    let second = first.replica().await;
    let tv = first.tv().await;
    let at_second = tv.at(&second.base);
    let started = tv.start("openid").await;
    at_second.poll(&started).await.must_be_error("authorization_pending");
    tv.poll(&started).await.must_be_error("authorization_pending");
    first.clock.advance(1.0);
    tv.poll(&started).await.must_be_error("slow_down");
    let id = second.read_code(&started.device_code).await.authorization();
    let interval = || second.app.sessions.with(&id, |session| session.polling.interval_seconds);
    until("the second server hears of it", async || interval() == Some(10)).await;
    first.clock.advance(6.0);
    at_second.poll(&started).await.must_be_error("slow_down");
}

#[tokio::test]
async fn an_interval_raised_on_one_server_outlives_it() {
    let first = TestServer::hearing().await;
    let tv = first.tv().await;
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    tv.poll(&started).await.must_be_error("slow_down");
    let second = first.replica().await;
    let at_second = tv.at(&second.base);
    until("the raised interval is written", async || {
        first.count("SELECT interval_seconds::bigint FROM device_authorizations").await == 10
    })
    .await;
    drop(first);
    second.clock.advance(10.0);
    at_second.poll(&started).await.must_be_error("authorization_pending");
    second.clock.advance(6.0);
    at_second.poll(&started).await.must_be_error("slow_down");
}

#[tokio::test]
async fn a_device_that_polls_without_a_pause_is_written_once_an_interval() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    let polls = async || server.count("SELECT poll_count FROM device_authorizations").await;
    until("the first poll is written", async || polls().await == 1).await;
    tv.poll(&started).await.must_be_error("slow_down");
    until("the raised interval is written", async || polls().await == 2).await;
    for _ in 0..20 {
        tv.poll(&started).await.must_be_error("slow_down");
        write_polls(&server.app, 1_000).await.unwrap();
    }
    assert_eq!(polls().await, 2);
    server.clock.advance(10.0);
    tv.poll(&started).await.must_be_error("slow_down");
    until("the polls are written", async || polls().await == 23).await;
    assert_eq!(server.count("SELECT interval_seconds::bigint FROM device_authorizations").await, 60);
}

#[tokio::test]
async fn a_crash_may_forget_how_fast_a_device_polled_and_never_what_was_decided() {
    let first = TestServer::hearing().await;
    let (tv, ada) = (first.tv().await, first.ada().await);
    let started = tv.start("openid").await;
    for expected in ["authorization_pending", "slow_down", "slow_down"] {
        tv.poll(&started).await.must_be_error(expected);
    }
    ada.deny(&started.user_code).await;
    // Whatever the first server still had to write, this one has not.
    let second = first.replica().await;
    tv.at(&second.base).poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn early_polls_that_alternate_between_servers_are_noticed() {
    let first = TestServer::hearing().await;
    let second = first.replica().await;
    let tv = first.tv().await;
    let started = tv.start("openid").await;
    let devices = [tv.clone(), tv.at(&second.base)];
    for device in &devices {
        device.poll(&started).await.must_be_error("authorization_pending");
        first.clock.advance(60.0);
    }
    // Each server by itself sees a poll every six seconds; together they come every three.
    let mut slipped = 0;
    for device in devices.iter().cycle().take(12) {
        if device.poll(&started).await.error() == "slow_down" {
            break;
        }
        slipped += 1;
        until("both servers have written their polls", async || {
            for server in [&first, &second] {
                write_polls(&server.app, 1_000).await.unwrap();
            }
            first.count("SELECT poll_count FROM device_authorizations").await == 2 + slipped
        })
        .await;
        first.clock.advance(3.0);
    }
    assert!(slipped <= 4, "{slipped} polls came too early before the device was told");
}

#[tokio::test]
async fn polls_are_counted_across_servers() {
    let first = TestServer::hearing().await;
    let second = first.replica().await;
    let tv = first.tv().await;
    let started = tv.start("openid").await;
    for device in [&tv, &tv.at(&second.base), &tv] {
        device.poll(&started).await.must_be_error("authorization_pending");
        first.clock.advance(20.0);
    }
    while first.count("SELECT poll_count FROM device_authorizations").await != 3 {
        for server in [&first, &second] {
            write_polls(&server.app, 1_000).await.unwrap();
        }
    }
}

#[tokio::test]
async fn polls_of_a_session_that_somebody_holds_wait_for_the_next_time() {
    let server = TestServer::start().await;
    server.tv().await.start("openid").await;
    let mut holder = transactions::begin(&server.app.db, "BEGIN").await.unwrap();
    let held =
        sqlx::query_scalar("SELECT id FROM device_authorizations FOR UPDATE").fetch_one(&mut *holder).await;
    let polls = UnwrittenPolls {
        tenant: DEFAULT_TENANT,
        id: DeviceAuthorizationId(held.unwrap()),
        polls: 3,
        last_polled_at: server.clock.now(),
        interval_seconds: 15,
        slowed: true,
    };
    let written = async || {
        let writing = polls::write(&server.app.db, DEFAULT_TENANT, std::slice::from_ref(&polls));
        in_time("polls are written", writing).await.unwrap().len()
    };
    assert_eq!(written().await, 0);
    holder.commit().await.unwrap();
    assert_eq!(written().await, 1);
    assert_eq!(server.count("SELECT poll_count FROM device_authorizations").await, 3);
    assert_eq!(server.count("SELECT interval_seconds::bigint FROM device_authorizations").await, 15);
}

#[tokio::test]
async fn who_writes_polls_of_a_session_that_was_erased_finds_out() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    // Without a word to anybody.
    server.execute("DELETE FROM device_authorizations").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    until("the code is known to be gone", async || {
        write_polls(&server.app, 1_000).await.unwrap();
        tv.poll(&started).await.error() == "invalid_grant"
    })
    .await;
}
