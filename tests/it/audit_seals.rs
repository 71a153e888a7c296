//! The chain of seals over the audit trail: whoever tampers with the database is found out.

mod key_rotation;

use latchkey::domain::audit_trail::seal::{Sealing, seal_waiting};
use latchkey::domain::audit_trail::verify::{Fault, Head, Verdict, is_sealing_blocked, verify};
use latchkey::domain::housekeeping::AUDIT_EVENTS;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::audit_seals;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::support::TestServer;
use crate::support::device::send;

async fn seal_all(server: &TestServer) {
    seal_waiting(&server.app).await.expect("the database answers");
}

async fn verdict(server: &TestServer) -> Verdict {
    verify(&server.app, Some(DEFAULT_TENANT), None).await.expect("the database answers").remove(0)
}

/// Some history, in several seals.
async fn sealed_history() -> TestServer {
    let server = TestServer::start().await;
    for name in ["one", "two", "three"] {
        server.clock.advance(10.0);
        server.person(name, &[]).await;
        seal_all(&server).await;
    }
    server
}

/// Does what only somebody with the whole database in their hands can.
async fn tamper(server: &TestServer, sql: &str) {
    let sql =
        format!("SET session_replication_role = replica; {sql}; SET session_replication_role = DEFAULT");
    let mut connection = server.app.db.acquire().await.expect("a connection");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.expect("the statement runs");
}

async fn event_of(server: &TestServer, name: &str) -> Uuid {
    sqlx::query("SELECT id FROM audit_events WHERE action = 'user.created' AND details ->> 'username' = $1")
        .bind(name)
        .fetch_one(&server.app.db)
        .await
        .expect("the event")
        .get("id")
}

#[tokio::test]
async fn an_untouched_trail_verifies_and_every_event_is_sealed_once() {
    let server = sealed_history().await;
    let verdict = verdict(&server).await;
    assert_eq!((verdict.faults, verdict.unsealed), (vec![], 0));
    assert!(verdict.seals >= 3);
    let events = server
        .count("SELECT count(*) FROM audit_events e JOIN tenants t ON t.id = e.tenant_id WHERE slug = ''")
        .await;
    assert_eq!(verdict.events, u64::try_from(events).unwrap());
}

#[tokio::test]
async fn a_changed_a_removed_and_an_inserted_event_are_found() {
    for (sql, fault) in [
        (
            "UPDATE audit_events SET outcome = 'refused' WHERE id = '{id}'",
            Fault::Changed as fn(Uuid) -> Fault,
        ),
        (
            "UPDATE audit_events SET details = details || '{\"username\":\"x\"}' WHERE id = '{id}'",
            Fault::Changed,
        ),
        ("UPDATE audit_events SET at = at + interval '1 microsecond' WHERE id = '{id}'", Fault::Changed),
        ("UPDATE audit_events SET actor_kind = 'server' WHERE id = '{id}'", Fault::Changed),
        ("DELETE FROM audit_events WHERE id = '{id}'", Fault::Removed),
    ] {
        let server = sealed_history().await;
        let id = event_of(&server, "two").await;
        tamper(&server, &sql.replace("{id}", &id.to_string())).await;
        assert_eq!(verdict(&server).await.faults, [fault(id)], "{sql}");
    }
    let server = sealed_history().await;
    let id = Uuid::from_u128(7);
    let sql = format!(
        "INSERT INTO audit_events SELECT '{id}', tenant_id, at, action, outcome, actor_kind, actor_id, target_kind,
                target_id, ip_address, request_id, details FROM audit_events WHERE action = 'user.created' LIMIT 1"
    );
    tamper(&server, &sql).await;
    assert_eq!(verdict(&server).await.faults, [Fault::Inserted(id)]);
}

#[tokio::test]
async fn a_chain_that_was_made_to_fit_is_found() {
    let server = sealed_history().await;
    let intact = verdict(&server).await;
    let newest = intact.head.expect("a seal");
    // With the event goes its place in the seal: the code tells.
    let id = event_of(&server, "two").await;
    let sql = format!(
        "DELETE FROM audit_events WHERE id = '{id}';
         UPDATE audit_seals SET event_ids = array_remove(event_ids, '{id}'), event_hashes = ''
         WHERE '{id}' = ANY (event_ids)"
    );
    tamper(&server, &sql).await;
    let faults = verdict(&server).await.faults;
    assert!(matches!(faults[..], [Fault::SealChanged(_), ..]), "{faults:?}");
    // A seal less in the middle.
    let server = sealed_history().await;
    let middle = verdict(&server).await.head.unwrap().number - 1;
    tamper(&server, &format!("DELETE FROM audit_seals WHERE number = {middle}")).await;
    assert!(verdict(&server).await.faults.contains(&Fault::SealMissing(middle)));
    // Nobody but a server can say that old seals were cleared away.
    let server = sealed_history().await;
    let sql = "DELETE FROM audit_events WHERE id = ANY (SELECT unnest(event_ids) FROM audit_seals WHERE number < 2);
               DELETE FROM audit_seals WHERE number < 2;
               UPDATE audit_seals SET cleared_mac = mac WHERE number = 2";
    tamper(&server, sql).await;
    assert!(verdict(&server).await.faults.contains(&Fault::SealChanged(2)));
    // The end cut off: only who wrote the newest seal down can tell.
    let server = sealed_history().await;
    let head = verdict(&server).await.head.unwrap();
    let sql = format!(
        "DELETE FROM audit_events WHERE id = ANY (SELECT unnest(event_ids) FROM audit_seals WHERE number = {0});
         DELETE FROM audit_seals WHERE number = {0}",
        head.number
    );
    tamper(&server, &sql).await;
    assert_eq!(verdict(&server).await.faults, []);
    let remembered = verify(&server.app, Some(DEFAULT_TENANT), Some(&head)).await.unwrap().remove(0);
    assert_eq!(remembered.faults, [Fault::HeadMissing(head.number)]);
    assert_ne!(newest, Head { number: 0, mac: vec![] });
}

#[tokio::test]
async fn an_event_removed_before_it_was_sealed_is_missed() {
    let server = TestServer::start().await;
    seal_all(&server).await;
    server.person("ada", &[]).await;
    let id = event_of(&server, "ada").await;
    tamper(&server, &format!("DELETE FROM audit_events WHERE id = '{id}'")).await;
    // Unless it was sealed in this very moment, it waits for ever; either way it is missed.
    assert_eq!(verdict(&server).await.faults, [Fault::Removed(id)]);
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_the_trail() {
    let server = sealed_history().await;
    for sql in [
        "UPDATE audit_events SET outcome = 'refused'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "UPDATE audit_seals SET number = number + 1",
        "DELETE FROM audit_seals",
        "TRUNCATE audit_seals",
    ] {
        let refused = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&server.app.db).await;
        assert!(refused.is_err(), "{sql}");
    }
    assert_eq!(verdict(&server).await.faults, []);
}

#[tokio::test]
async fn what_is_left_after_old_events_were_cleared_away_still_verifies() {
    let server = sealed_history().await;
    let before = verdict(&server).await;
    server.clock.advance(86_400.0 * 399.0);
    server.person("late", &[]).await;
    seal_all(&server).await;
    server.clock.advance(86_400.0 * 2.0);
    while AUDIT_EVENTS.clear_batch(&server.app).await.unwrap() > 0 {}
    let after = verdict(&server).await;
    assert_eq!(after.faults, []);
    assert!(after.seals < before.seals + 1, "{after:?}");
    assert_eq!(
        server.count("SELECT count(*) FROM audit_events WHERE details ->> 'username' = 'late'").await,
        1
    );
    assert_eq!(
        server.count("SELECT count(*) FROM audit_events WHERE details ->> 'username' = 'one'").await,
        0
    );
    // And what comes later goes on from there.
    server.person("later", &[]).await;
    seal_all(&server).await;
    assert_eq!(verdict(&server).await.faults, []);
    let id = event_of(&server, "late").await;
    tamper(&server, &format!("DELETE FROM audit_events WHERE id = '{id}'")).await;
    assert_eq!(verdict(&server).await.faults, [Fault::Removed(id)]);
}

#[tokio::test]
async fn two_servers_that_seal_at_once_make_one_chain() {
    let first = TestServer::start().await;
    let second = first.replica().await;
    for index in 0..12 {
        let name = format!("user{index}");
        let (_, a, b) =
            tokio::join!(first.person(&name, &[]), seal_waiting(&first.app), seal_waiting(&second.app));
        assert!(a.is_ok() && b.is_ok());
    }
    seal_all(&first).await;
    assert_eq!(verdict(&first).await.faults, []);
}

/// Inserts events of 40 days ago, as a copy of a genuine one, the way anyone with the database's password can.
async fn insert_by_hand(server: &TestServer, id: u128, mac: &str) -> Uuid {
    let id = Uuid::from_u128(id);
    let sql = format!(
        "INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, actor_id, target_kind, target_id,
                                   ip_address, request_id, details, mac)
         SELECT '{id}', tenant_id, at - interval '40 days', action, outcome, actor_kind, actor_id, target_kind,
                target_id, ip_address, request_id, details, {mac}
         FROM audit_events WHERE action = 'user.created' LIMIT 1"
    );
    sqlx::query(AssertSqlSafe(sql)).execute(&server.app.db).await.expect("the event is inserted");
    id
}

async fn warnings(server: &TestServer) -> String {
    let answer = send(server.http.get(format!("{}/health/ready", server.base))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["warnings"].to_string()
}

#[tokio::test]
async fn sealing_refuses_an_event_that_was_inserted_by_hand() {
    let server = sealed_history().await;
    assert_eq!(warnings(&server).await, "[]");
    let unmarked = insert_by_hand(&server, 7, "NULL").await;
    let copied = insert_by_hand(&server, 8, "mac").await;
    server.person("four", &[]).await;
    let sealing = seal_waiting(&server.app).await.expect("the database answers");
    assert_eq!(sealing.refused, 2);
    // It stays refused, and does not hold up what comes after it.
    assert_eq!(seal_waiting(&server.app).await.unwrap(), Sealing { sealed: 0, refused: 2 });
    assert_eq!(server.count("SELECT count(*) FROM audit_unsealed").await, 2);
    let mut faults = verdict(&server).await.faults;
    faults.sort_by_key(ToString::to_string);
    assert_eq!(faults, [Fault::Inserted(unmarked), Fault::Inserted(copied)]);
    assert!(warnings(&server).await.contains("without a valid code: 2"));
}

#[tokio::test]
async fn sealing_refuses_an_event_that_was_changed_before_it_was_sealed() {
    for change in [
        "at = at - interval '1 day'",
        "outcome = 'refused'",
        "actor_kind = 'server'",
        "target_id = 'x'",
        "ip_address = '192.0.2.1'",
        "request_id = NULL, ip_address = '::1'",
        "details = details || '{\"username\":\"x\"}'",
    ] {
        let server = TestServer::start().await;
        let sealing = audit_seals::begin(&server.app.db).await.expect("the lock");
        server.person("ada", &[]).await;
        let id = event_of(&server, "ada").await;
        tamper(&server, &format!("UPDATE audit_events SET {change} WHERE id = '{id}'")).await;
        drop(sealing);
        assert_eq!(seal_waiting(&server.app).await.unwrap().refused, 1, "{change}");
    }
}

#[tokio::test]
async fn every_event_of_a_device_that_connects_and_refreshes_is_sealed() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, "openid offline_access").await;
    let tokens = tv.refresh(&tokens.string("refresh_token")).await;
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    // Names that are longer in bytes than in characters, and a request without an address.
    server.person("zoë-😀", &[]).await;
    assert_eq!(seal_waiting(&server.app).await.unwrap().refused, 0);
    let verdict = verdict(&server).await;
    assert_eq!((verdict.faults, verdict.unsealed), (vec![], 0));
    let refreshed = "SELECT count(*) FROM audit_events WHERE action = 'token.refreshed' AND mac IS NOT NULL";
    assert_eq!(server.count(refreshed).await, 2);
}

#[tokio::test]
async fn a_server_that_cannot_seal_for_a_minute_warns_operators() {
    let server = sealed_history().await;
    let mut thief = sqlx::PgPool::acquire(&server.app.db).await.expect("a connection");
    sqlx::query("SELECT pg_advisory_lock(x'6c617463686b6579'::bigint)").execute(&mut *thief).await.unwrap();
    server.person("ada", &[]).await;
    assert!(seal_waiting(&server.app).await.is_err());
    assert!(is_sealing_blocked(&server.app).await.unwrap());
    assert_eq!((warnings(&server).await.as_str(), verdict(&server).await.overdue), ("[]", 0));
    server.clock.advance(61.0);
    assert!(warnings(&server).await.contains("have not been sealed since"));
    assert!(verdict(&server).await.overdue > 0);
    thief.close().await.expect("the lock is released");
    seal_all(&server).await;
    assert_eq!(warnings(&server).await, "[]");
    assert_eq!(verdict(&server).await.overdue, 0);
    assert!(!is_sealing_blocked(&server.app).await.unwrap());
}
