//! What a person chooses on the consent page.

use latchkey::model::policy::grant::{Extent, OptionalScopes};
use latchkey::model::policy::trust::TrustAllowed;

use crate::support::TestServer;

const SCOPES: &str = "openid email profile offline_access";

#[tokio::test]
async fn every_box_begins_ticked_but_trust_and_what_stays_ticked_is_granted() {
    let server = TestServer::with(|config| config.policy.trust.allowed = TrustAllowed::Anyone).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start(SCOPES).await;
    let consent = ada.open(&started.user_code).await;
    let form = consent.form("/device/consent");
    for ticked in ["scope:openid", "scope:email", "scope:profile", "scope:offline_access"] {
        assert!(form.contains_key(ticked), "{ticked} {consent:?}");
    }
    assert!(consent.says(r#"name="trusted""#) && !form.contains_key("trusted"), "{consent:?}");
    assert!(!consent.says(r#"type="checkbox" name="scope:openid""#), "{consent:?}");
    ada.decide(&consent, "approve").await;
    assert_eq!(tv.poll(&started).await.string("scope"), "email offline_access openid profile");
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE trusted").await, 0);
}

#[tokio::test]
async fn a_person_unticks_names_trusts_and_limits() {
    let server = TestServer::with(|config| config.policy.trust.allowed = TrustAllowed::Anyone).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.ask(&[("scope", SCOPES), ("device_name", "SM-1234")]).await;
    let consent = ada.open(&started.string("user_code")).await;
    let mut fields = consent.form("/device/consent");
    assert_eq!(fields["device_name"], "SM-1234");
    fields.remove("scope:email");
    let choices =
        [("decision", "approve"), ("device_name", "Ada's TV"), ("lifetime", "week"), ("trusted", "on")];
    fields.extend(choices.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert!(ada.post("/device/consent", &fields).await.says("Your device is connected"));
    let tokens = tv.poll_code(&started.string("device_code"), &[]).await;
    assert_eq!(tokens.string("scope"), "offline_access openid profile");
    let chosen = "SELECT count(*) FROM devices
                  WHERE name = 'Ada''s TV' AND declared_name = 'SM-1234' AND trusted
                    AND expires_at = created_at + interval '7 days'";
    assert_eq!(server.count(chosen).await, 1);
}

#[tokio::test]
async fn a_form_with_a_scope_that_was_not_offered_is_asked_again_and_grants_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    for enlarged in [("scope:email", "on"), ("trusted", "on"), ("lifetime", "once")] {
        let fields = [enlarged, ("decision", "approve")];
        let page = ada.submit(&consent, "/device/consent", &fields).await;
        assert_eq!(page.location, "/device/consent", "{enlarged:?} {page:?}");
    }
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE state = 'pending'").await, 1);
    ada.decide(&consent, "approve").await;
    assert_eq!(tv.poll(&started).await.string("scope"), "openid");
}

#[tokio::test]
async fn what_the_policy_makes_a_condition_has_no_box() {
    let server = TestServer::with(|config| {
        config.policy.grant.optional_scopes = OptionalScopes::Every(Extent::None);
        config.policy.grant.person_chooses_lifetime = false;
        config.policy.trust.allowed = TrustAllowed::Never;
    })
    .await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start(SCOPES).await;
    let consent = ada.open(&started.user_code).await;
    assert!(!consent.says(r#"type="checkbox""#) && !consent.says("<select"), "{consent:?}");
    ada.decide(&consent, "approve").await;
    assert_eq!(tv.poll(&started).await.string("scope"), "email offline_access openid profile");
}

#[tokio::test]
async fn a_name_that_could_disguise_the_page_is_asked_for_again_with_what_was_chosen() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid email").await;
    let consent = ada.open(&started.user_code).await;
    let mut fields = consent.form("/device/consent");
    fields.remove("scope:email");
    fields.insert("decision".to_owned(), "approve".to_owned());
    fields.insert("device_name".to_owned(), "\u{202e}gpj.exe".to_owned());
    let sent: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = ada.post("/device/consent", &sent).await;
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.says(r#"aria-invalid="true""#) && page.says(r#"role="alert""#), "{page:?}");
    assert!(!page.form("/device/consent").contains_key("scope:email"), "{page:?}");
    let good = [("device_name", "<b>Good</b>"), ("decision", "approve")];
    assert!(ada.submit(&page, "/device/consent", &good).await.says("Your device is connected"));
    assert_eq!(tv.poll(&started).await.string("scope"), "openid");
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE name = '<b>Good</b>'").await, 1);
}

#[tokio::test]
async fn an_approval_of_no_scope_is_refused_at_the_scopes() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("email profile").await;
    let consent = ada.open(&started.user_code).await;
    let mut fields = consent.form("/device/consent");
    fields.retain(|name, _| !name.starts_with("scope:"));
    fields.insert("decision".to_owned(), "approve".to_owned());
    let sent: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let page = ada.post("/device/consent", &sent).await;
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.says(r#"id="scopes-error" role="alert""#), "{page:?}");
    assert!(page.says(r#"aria-invalid="true" aria-describedby="scopes-error""#), "{page:?}");
    tv.poll(&started).await.must_be_error("authorization_pending");
    let less = [("scope:email", "on"), ("decision", "approve")];
    assert!(ada.submit(&page, "/device/consent", &less).await.says("Your device is connected"));
    assert_eq!(tv.poll(&started).await.string("scope"), "email");
}

#[tokio::test]
async fn a_request_for_no_scope_is_approved_with_none() {
    let server = TestServer::start().await;
    let (sensor, ada) = (server.public_client("sensor", "").await, server.ada().await);
    let started = sensor.ask(&[]).await;
    ada.approve(&started.string("user_code")).await;
    let tokens = sensor.poll_code(&started.string("device_code"), &[]).await;
    assert_eq!(tokens.must_be_tokens().json["scope"], "", "{tokens:?}");
}
