//! A key that one of the person's own devices has proved before.

use latchkey::domain::audit::By;
use latchkey::domain::devices;
use latchkey::model::ids::DeviceId;
use latchkey::model::token_family::RevocationReason;

use super::*;
use crate::support::DpopKey;

const NEVER_SEEN: &str = "none of your devices has used";

async fn named(tv: &Device, name: &str) -> Started {
    let answer = tv.ask(&[("scope", "openid"), ("device_name", name)]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    Started {
        device_code: answer.string("device_code"),
        user_code: answer.string("user_code"),
        verification_uri: answer.string("verification_uri"),
        verification_uri_complete: answer.string("verification_uri_complete"),
    }
}

#[tokio::test]
async fn a_device_that_was_connected_before_is_recognised_by_its_owner_alone() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.ada().await, server.person("bob", &[]).await);
    let laptop = server.tv().await.with_key(&DpopKey::new(&server));
    let first = named(&laptop, "mbp-14").await;
    let consent = ada.open(&first.user_code).await;
    assert!(consent.says(NEVER_SEEN), "{consent:?}");
    ada.decide(&consent, "approve").await;
    laptop.poll(&first).await.must_be_bound_tokens();

    let again = ada.open(&laptop.start("openid").await.user_code).await;
    assert!(again.says("it is your <bdi translate=\"no\">mbp-14</bdi>, connected"), "{again:?}");
    let to_bob = bob.open(&laptop.start("openid").await.user_code).await;
    assert!(
        to_bob.says(NEVER_SEEN) && !to_bob.says("<bdi translate=\"no\">mbp-14</bdi>, connected"),
        "{to_bob:?}"
    );
    let unbound =
        ada.open(&server.public_client("radio", "openid").await.start("openid").await.user_code).await;
    assert!(!unbound.says("known-key"), "{unbound:?}");
}

#[tokio::test]
async fn a_device_that_its_owner_removed_is_not_known_any_more() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let laptop = server.tv().await.with_key(&DpopKey::new(&server));
    laptop.connect_bound(&ada, "openid").await;
    let device: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM devices").fetch_one(&server.app.db).await.expect("a device");
    let (reason, device) = (RevocationReason::DeviceRemoved, DeviceId(device));
    let revoked = devices::revoke(&server.app, DEFAULT_TENANT, device, reason, &By::OPERATOR).await;
    assert!(revoked.expect("an answer"));
    let again = ada.open(&laptop.start("openid").await.user_code).await;
    assert!(again.says(NEVER_SEEN), "{again:?}");
}
