//! RFC 8628 §3.5, the answer with the tokens is lost on its way: a device that proves that it is the same collects
//! once more.

use latchkey::model::client::AuthMethod;

use crate::support::device::Started;
use crate::support::{Device, Person, TestServer};

const OFFLINE: &str = "openid offline_access";
const TAKEN_BACK: &str = "SELECT count(*) FROM token_families WHERE revoked_reason = 'redemption_retried'";

async fn confidential(server: &TestServer) -> Device {
    server.client("box", OFFLINE, |client| client.auth_method = AuthMethod::ClientSecretBasic).await
}

async fn approved(device: &Device, ada: &Person) -> Started {
    let started = device.start(OFFLINE).await;
    ada.approve(&started.user_code).await;
    started
}

#[tokio::test]
async fn a_client_that_proves_itself_collects_once_more_and_the_first_tokens_die() {
    let server = TestServer::start().await;
    let (device, ada) = (confidential(&server).await, server.ada().await);
    let started = approved(&device, &ada).await;
    let lost = device.poll(&started).await.must_be_tokens().string("refresh_token");
    server.clock.advance(5.0);
    let received = device.poll(&started).await;
    received.must_be_tokens();
    device.refresh(&lost).await.must_be_error("invalid_grant");
    assert_eq!(server.count(TAKEN_BACK).await, 1);
    assert_eq!(server.count("SELECT count(*) FROM token_families WHERE revoked_at IS NULL").await, 1);
    assert_eq!(server.audited("device_authorization.redeemed", "success").await, 2);
    assert_eq!(server.audited("token_family.revoked", "success").await, 1);
    // Once is enough.
    server.clock.advance(5.0);
    device.poll(&started).await.must_be_error("invalid_grant");
    device.refresh(&received.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn after_half_a_minute_it_is_a_replay() {
    let server = TestServer::start().await;
    let (device, ada) = (confidential(&server).await, server.ada().await);
    let started = approved(&device, &ada).await;
    let token = device.poll(&started).await.must_be_tokens().string("refresh_token");
    server.clock.advance(30.1);
    device.poll(&started).await.must_be_error("invalid_grant");
    device.refresh(&token).await.must_be_error("invalid_grant");
    assert_eq!(server.count(TAKEN_BACK).await, 0);
}

#[tokio::test]
async fn tokens_that_were_used_were_received() {
    let server = TestServer::start().await;
    let (device, ada) = (confidential(&server).await, server.ada().await);
    let started = approved(&device, &ada).await;
    let token = device.poll(&started).await.must_be_tokens().string("refresh_token");
    let renewed = device.refresh(&token).await.must_be_tokens().string("refresh_token");
    server.clock.advance(5.0);
    device.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.count(TAKEN_BACK).await, 0);
    device.refresh(&renewed).await.must_be_tokens();
}

#[tokio::test]
async fn what_was_revoked_meanwhile_is_not_handed_out_again() {
    let server = TestServer::start().await;
    let (device, ada) = (confidential(&server).await, server.ada().await);
    let started = approved(&device, &ada).await;
    device.poll(&started).await.must_be_tokens();
    server.execute("UPDATE token_families SET revoked_at = now(), revoked_reason = 'device_revoked'").await;
    server.clock.advance(5.0);
    device.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.count("SELECT count(*) FROM token_families").await, 1);
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE state = 'consumed'").await, 1);
}

#[tokio::test]
async fn of_many_that_collect_once_more_at_once_one_does() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (device, ada) = (confidential(&server).await, server.ada().await);
    let started = approved(&device, &ada).await;
    device.poll(&started).await.must_be_tokens();
    server.clock.advance(5.0);
    let mut polls = tokio::task::JoinSet::new();
    for device in [device.at(&replica.base), device].iter().cycle().take(40) {
        let (device, started) = (device.clone(), started.clone());
        polls.spawn(async move { device.poll(&started).await });
    }
    let answers = polls.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.must_be_error("invalid_grant");
    }
    assert_eq!(server.count("SELECT count(*) FROM token_families WHERE revoked_at IS NULL").await, 1);
}
