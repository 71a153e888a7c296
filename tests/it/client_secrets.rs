//! Two secrets at once, so that a new one can be rolled out while copies of the client still use the old one.

use latchkey::domain::audit::By;
use latchkey::domain::clients::{ClientError, secrets};
use latchkey::model::client::{AuthMethod, Client};
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::version::MeantFor;

use crate::support::device::Proof;
use crate::support::{Device, TestServer};

async fn client(server: &TestServer, id: &str) -> Client {
    let found = latchkey::store::clients::find(&server.app.db, DEFAULT_TENANT, id).await;
    found.expect("the database answers").expect("the client exists")
}

async fn rotate(server: &TestServer, device: &Device) -> Device {
    let secret = secrets::rotate_secret(
        &server.app,
        &client(server, &device.client_id).await,
        &MeantFor::Any,
        &By::OPERATOR,
    )
    .await;
    let secret = secret.expect("a new secret");
    device.with_proof(match &device.proof {
        Proof::Basic(_) => Proof::Basic(secret.expose().to_owned()),
        _ => Proof::Post(secret.expose().to_owned()),
    })
}

async fn retire(server: &TestServer, device: &Device) -> Result<(), ClientError> {
    secrets::retire_previous_secret(
        &server.app,
        &client(server, &device.client_id).await,
        &MeantFor::Any,
        &By::OPERATOR,
    )
    .await
}

#[tokio::test]
async fn the_old_secret_is_good_beside_the_new_one_until_it_is_retired() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    for method in [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost] {
        let old = server.client(method.as_str(), "openid", |client| client.auth_method = method).await;
        let new = rotate(&server, &old).await;
        for device in [&old, &new] {
            assert_eq!(device.ask(&[]).await.status, 200);
        }
        retire(&server, &old).await.unwrap();
        old.ask(&[]).await.must_be_error("invalid_client");
        assert_eq!(new.ask(&[]).await.status, 200);
        replica.hear_all().await;
        old.at(&replica.base).ask(&[]).await.must_be_error("invalid_client");
        assert_eq!(new.at(&replica.base).ask(&[]).await.status, 200);
    }
}

#[tokio::test]
async fn there_are_never_three_secrets() {
    let server = TestServer::start().await;
    let first =
        server.client("kiosk", "openid", |client| client.auth_method = AuthMethod::ClientSecretBasic).await;
    let second = rotate(&server, &first).await;
    let third = rotate(&server, &second).await;
    first.ask(&[]).await.must_be_error("invalid_client");
    for device in [&second, &third] {
        assert_eq!(device.ask(&[]).await.status, 200);
    }
}

#[tokio::test]
async fn of_exchanges_at_the_same_moment_the_last_two_count() {
    let server = TestServer::start().await;
    let first =
        server.client("kiosk", "openid", |client| client.auth_method = AuthMethod::ClientSecretBasic).await;
    let (second, third, ()) = tokio::join!(
        rotate(&server, &first),
        rotate(&server, &first),
        server.change_client("kiosk", |client| client.name = "Kiosk".to_owned()),
    );
    for device in [&second, &third] {
        assert_eq!(device.ask(&[]).await.status, 200);
    }
    first.ask(&[]).await.must_be_error("invalid_client");
}

#[tokio::test]
async fn only_a_client_with_a_secret_gets_another_and_only_a_second_one_is_retired() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let kiosk =
        server.client("kiosk", "openid", |client| client.auth_method = AuthMethod::ClientSecretBasic).await;
    let refusal = secrets::rotate_secret(
        &server.app,
        &client(&server, &tv.client_id).await,
        &MeantFor::Any,
        &By::OPERATOR,
    )
    .await;
    assert!(matches!(refusal, Err(ClientError::HasNoSecret)), "{refusal:?}");
    for device in [&tv, &kiosk] {
        let refusal = retire(&server, device).await;
        assert!(matches!(refusal, Err(ClientError::HasNoPreviousSecret)), "{refusal:?}");
    }
    assert_eq!(kiosk.ask(&[]).await.status, 200);
}

#[tokio::test]
async fn every_change_of_a_secret_is_in_the_audit_trail_and_no_secret_is() {
    let server = TestServer::start().await;
    let old =
        server.client("kiosk", "openid", |client| client.auth_method = AuthMethod::ClientSecretPost).await;
    let new = rotate(&server, &old).await;
    retire(&server, &old).await.unwrap();
    assert_eq!(server.audited("client.secret_rotated", "success").await, 1);
    assert_eq!(server.audited("client.secret_retired", "success").await, 1);
    let rows = server.rows().await;
    for device in [&old, &new] {
        let Proof::Post(secret) = &device.proof else { panic!("it has a secret") };
        assert!(rows.values().all(|rows| !rows.contains(secret)));
    }
}
