//! The audit log under keys that are rotated.

use latchkey::domain::audit::By;
use latchkey::domain::audit_trail::seal::seal_waiting;
use latchkey::domain::audit_trail::verify::Fault;
use latchkey::domain::housekeeping::AUDIT_EVENTS;
use latchkey::domain::mac_keys::rotate::rotate_audit;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::audit_seals;

use super::{event_of, seal_all, sealed_history, tamper, verdict};
use crate::support::TestServer;

async fn rotate(server: &TestServer) {
    rotate_audit(&server.app, DEFAULT_TENANT, &By::OPERATOR).await.expect("the key is rotated");
}

#[tokio::test]
async fn a_trail_verifies_across_rotations_of_its_key() {
    let server = sealed_history().await;
    // Written before the rotation, sealed after it.
    server.person("four", &[]).await;
    rotate(&server).await;
    server.clock.advance(3_600.0);
    server.person("five", &[]).await;
    assert_eq!(seal_waiting(&server.app).await.unwrap().refused, 0);
    rotate(&server).await;
    server.person("six", &[]).await;
    seal_all(&server).await;
    let intact = verdict(&server).await;
    assert_eq!((intact.faults, intact.unsealed), (vec![], 0));
    assert_eq!(server.count("SELECT count(*) FROM mac_keys WHERE purpose = 'audit'").await, 3);
    assert_eq!(server.audited("audit_key.rotated", "success").await, 2);
    let id = event_of(&server, "one").await;
    tamper(&server, &format!("DELETE FROM audit_events WHERE id = '{id}'")).await;
    assert_eq!(verdict(&server).await.faults, [Fault::Removed(id)]);
}

#[tokio::test]
async fn a_retired_audit_key_is_invalid_for_later_events_and_seals() {
    let server = sealed_history().await;
    rotate(&server).await;
    seal_all(&server).await;
    // As if the key had been retired long before all of this.
    let early =
        "UPDATE mac_keys SET retired_at = retired_at - interval '1 year' WHERE retired_at IS NOT NULL";
    server.execute(early).await;
    let faults = verdict(&server).await.faults;
    assert!(matches!(faults[..], [Fault::SealChanged(1), ..]), "{faults:?}");
    let server = TestServer::start().await;
    let sealing = audit_seals::begin(&server.app.db).await.expect("the lock");
    server.person("ada", &[]).await;
    drop(sealing);
    let ada = event_of(&server, "ada").await;
    rotate(&server).await;
    server.execute(early).await;
    assert!(verdict(&server).await.faults.contains(&Fault::Inserted(ada)));
    assert!(seal_waiting(&server.app).await.unwrap().refused > 0);
}

#[tokio::test]
async fn only_the_current_key_vouches_for_cleared_seals() {
    let server = sealed_history().await;
    server.clock.advance(86_400.0 * 399.0);
    server.person("late", &[]).await;
    rotate(&server).await;
    seal_all(&server).await;
    server.clock.advance(86_400.0 * 2.0);
    while AUDIT_EVENTS.clear_batch(&server.app).await.unwrap() > 0 {}
    assert_eq!(verdict(&server).await.faults, []);
    let old: Vec<u8> =
        sqlx::query_scalar("SELECT cleared_mac FROM audit_seals WHERE cleared_mac IS NOT NULL")
            .fetch_one(&server.app.db)
            .await
            .expect("a cleared seal");
    rotate(&server).await;
    assert_eq!(verdict(&server).await.faults, []);
    let sql = format!(
        "UPDATE audit_seals SET cleared_mac = '\\x{}' WHERE cleared_mac IS NOT NULL",
        hex::encode(old)
    );
    tamper(&server, &sql).await;
    assert!(matches!(verdict(&server).await.faults[..], [Fault::SealChanged(_)]));
}

#[tokio::test]
async fn retired_audit_keys_are_deleted_with_their_events() {
    let server = sealed_history().await;
    rotate(&server).await;
    seal_all(&server).await;
    server.clock.advance(86_400.0 * 399.0);
    server.person("late", &[]).await;
    rotate(&server).await;
    seal_all(&server).await;
    server.clock.advance(86_400.0 * 2.0);
    let keys = "SELECT count(*) FROM mac_keys WHERE purpose = 'audit'";
    assert_eq!(server.count(keys).await, 3);
    while AUDIT_EVENTS.clear_batch(&server.app).await.unwrap() > 0 {}
    assert_eq!(server.count(keys).await, 2, "the second one still verifies late events");
    assert_eq!(verdict(&server).await.faults, []);
}
