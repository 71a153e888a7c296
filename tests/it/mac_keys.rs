//! Each tenant's own keys for message authentication codes.

use std::sync::Arc;

use latchkey::domain::audit::By;
use latchkey::domain::mac_keys;
use latchkey::domain::mac_keys::rotate::rotate_tokens;
use latchkey::domain::tenants;
use latchkey::model::ids::TenantId;
use latchkey::model::tenant::{DEFAULT_TENANT, TenantSlug, TenantStanding};
use latchkey::model::version::MeantFor;
use tokio::task::JoinSet;

use crate::support::TestServer;

/// What the tenant's token key of this server makes of one message.
async fn tag(server: &TestServer, tenant: TenantId) -> [u8; 16] {
    mac_keys::tokens(&server.app, tenant).await.expect("the database answers").tag(&[b"message"])
}

#[tokio::test]
async fn instances_that_create_a_token_key_concurrently_share_one() {
    let first = TestServer::start().await;
    let second = first.replica().await;
    let tags = (0..8).map(|index| {
        let app = Arc::clone(&[&first, &second][index % 2].app);
        async move { mac_keys::tokens(&app, DEFAULT_TENANT).await.expect("a key").tag(&[b"message"]) }
    });
    let tags = tags.collect::<JoinSet<_>>().join_all().await;
    assert!(tags.iter().all(|tag| *tag == tags[0]), "{tags:?}");
    let keys = first.count("SELECT count(*) FROM mac_keys WHERE purpose = 'tokens'").await;
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn a_token_key_is_in_memory_after_its_first_use() {
    let server = TestServer::hearing().await;
    let before = tag(&server, DEFAULT_TENANT).await;
    // Without an announcement, so that nothing is read again.
    sqlx::query("DELETE FROM mac_keys").execute(&server.app.db).await.expect("the key is deleted");
    assert_eq!(tag(&server, DEFAULT_TENANT).await, before);
}

#[tokio::test]
async fn a_rotated_token_key_replaces_the_old_one_on_every_instance() {
    let first = TestServer::hearing().await;
    let second = first.replica().await;
    let (acme, _) = first.tenant("acme").await;
    let (old, of_acme) = (tag(&second, DEFAULT_TENANT).await, tag(&second, acme).await);
    assert_ne!(old, of_acme);

    rotate_tokens(&first.app, DEFAULT_TENANT, &By::OPERATOR).await.expect("it is rotated");
    first.hear_all().await;
    let new = tag(&first, DEFAULT_TENANT).await;
    assert_ne!(new, old);
    assert_eq!(tag(&second, DEFAULT_TENANT).await, new);
    assert_eq!(tag(&second, acme).await, of_acme);
    let keys = first.count("SELECT count(*) FROM mac_keys WHERE purpose = 'tokens'").await;
    assert_eq!(keys, 2, "one of each tenant");
    assert_eq!(first.audited("token_key.rotated", "success").await, 1);
}

#[tokio::test]
async fn token_keys_that_are_rotated_concurrently_leave_one() {
    let first = TestServer::start().await;
    let second = first.replica().await;
    let rotations = (0..6).map(|index| {
        let app = Arc::clone(&[&first, &second][index % 2].app);
        async move {
            rotate_tokens(&app, DEFAULT_TENANT, &By::OPERATOR).await.expect("it is rotated");
        }
    });
    rotations.collect::<JoinSet<_>>().join_all().await;
    let keys = first.count("SELECT count(*) FROM mac_keys WHERE purpose = 'tokens'").await;
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn an_erased_tenant_leaves_no_token_key() {
    let server = TestServer::start().await;
    let (acme, _) = server.tenant("acme").await;
    assert_ne!(tag(&server, acme).await, tag(&server, DEFAULT_TENANT).await);
    let keys = "SELECT count(*) FROM mac_keys WHERE purpose = 'tokens'";
    assert_eq!(server.count(keys).await, 2);
    let slug = TenantSlug::parse("acme").expect("a slug");
    tenants::set_standing(&server.app, &slug, TenantStanding::Suspended).await.expect("it is disabled");
    tenants::delete(&server.app, &slug, &MeantFor::Any, &By::OPERATOR).await.expect("it is erased");
    assert_eq!(server.count(keys).await, 1);
}
