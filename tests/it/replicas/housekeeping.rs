//! Clearing away, by several servers at once.

use std::sync::Arc;

use chrono::TimeDelta;
use latchkey::domain::audit_trail::seal::seal_waiting;
use latchkey::domain::housekeeping::{
    ATTEMPT_BUDGETS, AUDIT_EVENTS, BROWSER_SESSIONS, Chore, DECIDED_AUTHORIZATIONS, ENDED_DEVICES,
    EXPIRED_AUTHORIZATIONS, SPENT_USER_CODES,
};

use latchkey::model::device_authorization::Polling;
use latchkey::model::ids::{ClientId, DeviceAuthorizationId};
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::device_authorizations::memory::{Owner, PendingSession};

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
    assert_eq!(clear(&first, EXPIRED_AUTHORIZATIONS).await, 0);
    tv.poll(&codes[0]).await.must_be_error("expired_token");
    first.clock.advance(2.0);
    let (ours, theirs) =
        tokio::join!(clear(&first, EXPIRED_AUTHORIZATIONS), clear(&second, EXPIRED_AUTHORIZATIONS));
    assert_eq!(ours + theirs, 10);
    assert_eq!(first.count("SELECT count(*) FROM device_authorizations").await, 0);
    // The code itself says when it expired.
    tv.poll(&codes[0]).await.must_be_error("expired_token");
}

#[tokio::test]
async fn fifty_thousand_codes_that_expire_at_once_hold_no_poll_up() {
    const CROWD: u32 = 50_000;
    let server = TestServer::hearing().await;
    let housekeeper = server.replica().await;
    let tv = server.tv().await;
    tv.start("openid").await;
    sqlx::query(
        "INSERT INTO device_authorizations (id, tenant_id, client_id, device_code_hash, user_code_mac, user_code_sealed,
                                      created_at, expires_at, interval_seconds)
         SELECT gen_random_uuid(), tenant_id, client_id, sha256(n::text::bytea), sha256(n::text::bytea), '',
                created_at, expires_at, 5
         FROM device_authorizations, generate_series(1, $1) AS n",
    )
    .bind(i32::try_from(CROWD).unwrap())
    .execute(&server.app.db)
    .await
    .unwrap();
    let owner = Arc::new(Owner {
        tenant_id: DEFAULT_TENANT,
        client_id: ClientId::parse("tv").unwrap(),
        tally: Arc::default(),
    });
    let expires_at = server.clock.now() + TimeDelta::minutes(10);
    for _ in 0..CROWD {
        let id = DeviceAuthorizationId(server.app.random.uuid_v7(server.clock.now()));
        let polling = Polling { interval_seconds: 5, last_polled_at: None };
        let session = PendingSession::new(id, Arc::clone(&owner), expires_at, polling);
        server.app.sessions.remember_new(session, server.clock.now());
    }
    // One lifetime after all of them expired, so that they are due everywhere at once.
    server.clock.advance(1_201.0);
    let living = tv.start("openid").await;
    tv.poll(&living).await.must_be_error("authorization_pending");
    // From now on, whatever this server answers it has in memory.
    server.app.db.close().await;

    let (mut batches, mut gone) = (0, 0);
    loop {
        let forgotten = server.app.sessions.take_due(server.clock.now(), 2_000).looked_at;
        assert!(forgotten <= 2_016, "{forgotten}");
        let deleted = EXPIRED_AUTHORIZATIONS.clear_batch(&housekeeper.app).await.unwrap();
        assert!(deleted <= 1_000, "{deleted}");
        if deleted == 0 && forgotten == 0 {
            break;
        }
        (batches, gone) = (batches + 1, gone + deleted);
        server.clock.advance(5.0);
        tv.poll(&living).await.must_be_error("authorization_pending");
    }
    assert_eq!(gone, u64::from(CROWD) + 1);
    assert!(batches >= 50, "{batches}");
    assert_eq!(housekeeper.count("SELECT count(*) FROM device_authorizations").await, 1);
    assert_eq!(server.app.sessions.len(), 1);
}

#[tokio::test]
async fn a_user_code_rests_for_a_day() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    tv.start("openid").await;
    server.clock.advance(1_201.0);
    clear(&server, EXPIRED_AUTHORIZATIONS).await;
    assert_eq!(server.count("SELECT count(*) FROM spent_user_codes").await, 1);
    server.clock.advance(86_399.0);
    assert_eq!(clear(&server, SPENT_USER_CODES).await, 0);
    server.clock.advance(1.0);
    assert_eq!(clear(&server, SPENT_USER_CODES).await, 1);
}

#[tokio::test]
async fn decided_sessions_are_history_for_a_month() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.deny(&started.user_code).await;
    server.clock.advance(86_400.0 * 30.0);
    assert_eq!(clear(&server, DECIDED_AUTHORIZATIONS).await, 0);
    server.clock.advance(601.0);
    assert_eq!(clear(&server, DECIDED_AUTHORIZATIONS).await, 1);
}

#[tokio::test]
async fn ended_devices_go_with_their_tokens() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
    server.clock.advance(86_400.0 * 119.0);
    assert_eq!(clear(&server, ENDED_DEVICES).await, 0);
    server.clock.advance(86_400.0 * 2.0);
    assert_eq!(clear(&server, ENDED_DEVICES).await, 1);
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 0);
}

#[tokio::test]
async fn old_browser_sessions_budgets_and_events_go() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    server.clock.advance(86_400.0 * 401.0);
    assert_eq!(clear(&server, BROWSER_SESSIONS).await, 1);
    // Of the browser, of its address, and of both with the account.
    assert_eq!(clear(&server, ATTEMPT_BUDGETS).await, 3);
    // The template's own events (tenant, keys) are as old as the test's. Only what is sealed goes.
    while server.count("SELECT count(*) FROM audit_unsealed").await > 0 {
        seal_waiting(&server.app).await.expect("the database answers");
    }
    assert!(clear(&server, AUDIT_EVENTS).await >= 2);
    assert_eq!(server.count("SELECT count(*) FROM audit_events").await, 0);
}
