//! RFC 8628 §3.5: whoever may no longer have tokens gets none, whatever was true when the device asked or the
//! person approved.

use latchkey::domain::audit::By;
use latchkey::domain::clients;
use latchkey::model::bearer_secret::SecretHash;
use latchkey::model::client::{AuthMethod, GrantType};
use latchkey::model::scope::ScopeSet;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::user::Standing;
use latchkey::model::version::MeantFor;

use crate::support::device::{Proof, Started};
use crate::support::{Device, TestServer};

/// A server with an approved code that waits to be collected.
async fn approved(scope: &str) -> (TestServer, Device, Started) {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start(scope).await;
    ada.approve(&started.user_code).await;
    (server, tv, started)
}

const DEVICES: &str = "SELECT count(*) FROM devices";

#[tokio::test]
async fn a_person_who_may_not_use_the_service_any_more_connects_no_device() {
    for standing in [Standing::Disabled, Standing::Locked] {
        let (server, tv, started) = approved("openid").await;
        server.set_standing("ada", standing).await;
        tv.poll(&started).await.must_be_error("access_denied");
        assert_eq!(server.count(DEVICES).await, 0);
    }
}

#[tokio::test]
async fn a_person_who_lost_a_role_grants_nothing_with_it() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let tv = server.public_client("tv", "openid billing").await;
    let ada = server.person("ada", &["accountant"]).await;
    let started = tv.start("openid billing").await;
    ada.approve(&started.user_code).await;
    server.execute("UPDATE users SET roles = '{}'").await;
    assert_eq!(tv.poll(&started).await.must_be_tokens().string("scope"), "openid");
}

#[tokio::test]
async fn a_client_that_was_disabled_or_deleted_since_gets_nothing() {
    let (server, tv, started) = approved("openid").await;
    server.change_client("tv", |client| client.enabled = false).await;
    tv.poll(&started).await.must_be_error("invalid_client");
    server.change_client("tv", |client| client.enabled = true).await;
    server.execute("DELETE FROM clients").await;
    tv.poll(&started).await.must_be_error("invalid_client");
    assert_eq!(server.count(DEVICES).await, 0);
    // One that comes under the same name is another one.
    let successor = server.tv().await;
    successor.poll(&started).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_client_that_lost_the_grant_since_gets_nothing() {
    let (server, tv, started) = approved("openid").await;
    server.change_client("tv", |client| client.grant_types = vec![GrantType::RefreshToken]).await;
    tv.poll(&started).await.must_be_error("unauthorized_client");
    assert_eq!(server.count(DEVICES).await, 0);
}

#[tokio::test]
async fn a_client_gets_no_scope_that_was_taken_from_it_since() {
    let (server, tv, started) = approved("openid profile email").await;
    server.change_client("tv", |client| client.scopes = ScopeSet::parse("openid email").unwrap()).await;
    assert_eq!(tv.poll(&started).await.must_be_tokens().string("scope"), "email openid");
}

#[tokio::test]
async fn a_client_that_lost_the_refresh_grant_gets_no_refresh_token() {
    let (server, tv, started) = approved("openid offline_access").await;
    server.change_client("tv", |client| client.grant_types = vec![GrantType::DeviceCode]).await;
    let tokens = tv.poll(&started).await;
    tokens.must_be_tokens();
    assert!(tokens.json.get("refresh_token").is_none(), "{tokens:?}");
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE idle_expires_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn a_rotated_client_secret_counts_from_the_next_poll_on() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let method = AuthMethod::ClientSecretPost;
    let old = server.client("box", "openid", |client| client.auth_method = method).await;
    let started = old.start("openid").await;
    ada.approve(&started.user_code).await;
    server.change_client("box", |client| client.secret_hash = Some(SecretHash::of("new"))).await;
    old.poll(&started).await.must_be_error("invalid_client");
    old.with_proof(Proof::Post("new".to_owned())).poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_code_waits_out_a_disabled_tenant() {
    let (server, tv, started) = approved("openid").await;
    server.execute("UPDATE tenants SET enabled = false").await;
    let answer = tv.poll(&started).await;
    assert_eq!(answer.status, 404, "{answer:?}");
    answer.must_be_an_oauth_body();
    assert_eq!(server.count(DEVICES).await, 0);
    server.execute("UPDATE tenants SET enabled = true").await;
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_client_changed_while_its_person_decides_is_asked_about_as_it_is_then() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid profile").await;
    let consent = ada.open(&started.user_code).await;
    server.change_client("tv", |client| client.scopes = ScopeSet::parse("openid").unwrap()).await;
    // What she was shown is not on offer any more: she is asked again.
    let consent = ada.decide(&consent, "approve").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    ada.decide(&consent, "approve").await;
    server.clock.advance(5.0);
    // A right that came back after the decision was not part of it.
    let client = latchkey::store::clients::find(&server.app.db, DEFAULT_TENANT, "tv").await.unwrap().unwrap();
    let scopes = ScopeSet::parse("openid profile").unwrap();
    clients::change(&server.app, &client, &MeantFor::Any, &By::OPERATOR, |client| client.scopes = scopes)
        .await
        .unwrap();
    assert_eq!(tv.poll(&started).await.must_be_tokens().string("scope"), "openid");
}

#[tokio::test]
async fn a_person_disabled_while_deciding_connects_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    server.set_standing("ada", Standing::Disabled).await;
    ada.decide(&consent, "approve").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE state <> 'pending'").await, 0);
}

#[tokio::test]
async fn each_approval_is_a_device_of_its_own() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let one = tv.connect(&ada, "openid offline_access").await;
    let two = tv.connect(&ada, "openid offline_access").await;
    assert_eq!(server.count(DEVICES).await, 2);
    for tokens in [two, one] {
        tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    }
}
