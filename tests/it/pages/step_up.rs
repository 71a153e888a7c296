//! A client or tenant demands a fresher or stronger sign-in: the person gives it and is back where they were.

use latchkey::domain::policies;
use latchkey::model::policy::PolicyChanges;
use latchkey::model::tenant::TenantSlug;
use serde_json::{Value, json};

use crate::support::{Page, Person, TestServer};

async fn demand(server: &TestServer, client: &str, step_up: Value) {
    let db = &server.app.db;
    let tenant =
        server.app.cached.tenant(db, &TenantSlug::root()).await.expect("an answer").expect("a tenant");
    let found = latchkey::store::clients::find(db, tenant.id, client).await.expect("an answer");
    let Value::Object(changes) = json!({ "step_up": step_up }) else { panic!("an object") };
    policies::change_for_client(
        &server.app,
        &tenant,
        &found.expect("a client"),
        PolicyChanges(changes),
        &latchkey::model::version::MeantFor::Any,
        &latchkey::domain::audit::By::OPERATOR,
    )
    .await
    .expect("the policy fits");
    server.hear_all().await;
}

async fn password(person: &Person, page: &Page) -> Page {
    assert_eq!(page.location, "/sign-in", "{page:?}");
    person.submit(page, "/sign-in", &[("username", &person.username), ("password", &person.password)]).await
}

#[track_caller]
fn must_be_consent(page: &Page, user_code: &str) {
    assert_eq!(page.location, "/device/consent", "{page:?}");
    assert!(page.says(user_code), "{page:?}");
}

const TWO: &str = "urn:latchkey:acr:2fa";

#[tokio::test]
async fn a_session_older_than_the_client_allows_signs_in_again_and_loses_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    demand(&server, "tv", json!({"max_age_seconds": 60})).await;
    ada.sign_in().await;
    server.clock.advance(61.0);
    let started = tv.start("openid").await;
    let asked = ada.enter(&started.user_code).await;
    assert!(asked.says(&started.user_code), "{asked:?}");
    let consent = password(&ada, &asked).await;
    must_be_consent(&consent, &started.user_code);
    // It grows too old once more, on the page itself.
    server.clock.advance(61.0);
    let asked = ada.decide(&consent, "approve").await;
    let consent = password(&ada, &asked).await;
    must_be_consent(&consent, &started.user_code);
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn whoever_has_no_second_factor_sets_one_up_and_is_back_at_the_request() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    demand(&server, "tv", json!({"required_acr": TWO})).await;
    let started = tv.start("openid").await;
    let asked = ada.enter(&started.user_code).await;
    let offer = password(&ada, &asked).await;
    assert_eq!(offer.location, "/account/security/authenticator", "{offer:?}");
    let enrolled = ada.set_up_authenticator(&server.clock).await;
    assert!(enrolled.page.shows("recovery-codes-next-device"), "{:?}", enrolled.page);
    let entry = ada.visit("/device").await;
    let consent = ada.submit(&entry, "/device", &[]).await;
    must_be_consent(&consent, &started.user_code);
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn the_code_of_the_device_survives_both_steps() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    demand(&server, "tv", json!({"required_acr": TWO})).await;
    ada.sign_in().await;
    let enrolled = ada.set_up_authenticator(&server.clock).await;
    let started = tv.start("openid").await;
    let elsewhere = ada.at_another_browser();
    let asked = elsewhere.enter(&started.user_code).await;
    let asked = password(&elsewhere, &asked).await;
    assert!(asked.says(&started.user_code), "{asked:?}");
    let consent = elsewhere.submit(&asked, "/sign-in/code", &[("code", &enrolled.app.next_code())]).await;
    must_be_consent(&consent, &started.user_code);
}

#[tokio::test]
async fn a_session_too_weak_for_the_client_is_asked_for_all_its_person_has() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let other = ada.at_another_browser();
    other.sign_in().await;
    let enrolled = other.set_up_authenticator(&server.clock).await;
    let started = tv.start("openid").await;
    // Open in the weak session before the demand comes.
    let consent = ada.open(&started.user_code).await;
    demand(&server, "tv", json!({"required_acr": TWO})).await;
    let asked = ada.decide(&consent, "approve").await;
    let asked = password(&ada, &asked).await;
    let consent = ada.submit(&asked, "/sign-in/code", &[("code", &enrolled.app.next_code())]).await;
    must_be_consent(&consent, &started.user_code);
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn declining_needs_no_stronger_sign_in() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    demand(&server, "tv", json!({"required_acr": TWO, "max_age_seconds": 60})).await;
    server.clock.advance(61.0);
    assert!(ada.decide(&consent, "deny").await.says("Declined"));
    tv.poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn a_demand_is_judged_after_the_code_was_found_and_spends_no_guess() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    demand(&server, "tv", json!({"required_acr": TWO})).await;
    ada.sign_in().await;
    let started = tv.start("openid").await;
    for _ in 0..7 {
        let page = ada.enter(&started.user_code).await;
        assert_eq!(page.location, "/account/security/authenticator", "{page:?}");
    }
    tv.poll(&started).await.must_be_error("authorization_pending");
    assert_eq!(ada.enter("WRNG-CXDE").await.status, 400);
}

#[tokio::test]
async fn an_administrator_sets_up_a_second_factor_before_anything_else() {
    let server = TestServer::with(|config| {
        config.sign_in.second_factor_for_roles = vec!["admin".parse().expect("a role")];
    })
    .await;
    let (tv, root) = (server.tv().await, server.person("root", &["admin"]).await);
    let page = root.sign_in().await;
    assert_eq!(page.location, "/account/security/authenticator", "{page:?}");
    let started = tv.start("openid").await;
    let page = root.enter(&started.user_code).await;
    assert_eq!(page.location, "/account/security/authenticator", "{page:?}");
    root.set_up_authenticator(&server.clock).await;
    root.approve(&started.user_code).await;
    // Nobody else is asked.
    let ada = server.ada().await;
    assert_eq!(ada.sign_in().await.location, "/device");
}
