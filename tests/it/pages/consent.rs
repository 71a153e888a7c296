//! `/device/consent`: what a person sees before deciding, and that it is asked every time (RFC 8628 §3.3, §5.4).

use latchkey::domain::audit::By;
use latchkey::domain::scopes;
use latchkey::languages::Language;
use latchkey::model::client::{AuthMethod, ScopePolicy};
use latchkey::model::scope_translations::Translations;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::version::MeantFor;

use super::sessions_in;
use crate::support::device::send;
use crate::support::{Device, Page, TestServer, words};

/// How long a code lives where a test lets fifteen minutes pass.
fn longest_code_lifetime(config: &mut latchkey::config::Config) {
    config.device_flow.code_lifetime_seconds = 900;
}

/// Asks for codes without naming any scope.
async fn start_without_scope(device: &Device) -> String {
    device.ask(&[]).await.string("user_code")
}

#[tokio::test]
async fn a_person_is_told_who_asks_from_where_for_what_and_as_whom_they_decide() {
    let server = TestServer::behind_a_proxy().await;
    server.scope("video", None).await;
    let (tv, ada) = (server.public_client("tv", "openid video").await, server.ada().await);
    let request = tv
        .request("/oauth/device-authorization")
        .header("user-agent", "LatchTV/7.1")
        .header("x-forwarded-for", "203.0.113.17")
        .form(&[
            ("client_id", "tv"),
            ("scope", "openid video"),
            ("device_name", "Living room"),
            ("os", "TV OS 12"),
            ("hostname", "tv-4711"),
            ("client_version", "3.2.1"),
        ]);
    let code = send(request).await.string("user_code");
    server.clock.advance(120.0);
    let page = ada.open(&code).await;
    for text in [
        "The tv app",
        &code,
        "Living room",
        "TV OS 12",
        "tv-4711",
        "3.2.1",
        "LatchTV/7.1",
        "(not verified)",
        "203.0.113.17",
        "2 minutes ago",
        "Words for video",
        &words::t("consent-lifetime")
            .phrase("access", words::t("span-minutes").number("count", 10))
            .to_string(),
        &words::t("consent-account").name("account", "ada").to_string(),
        "Decline unless you started this yourself",
    ] {
        assert!(page.says(text), "{text} is missing: {page:?}");
    }
    assert!(page.shows("consent-claim-foreign-public"), "{page:?}");
}

#[tokio::test]
async fn the_name_of_an_app_is_shown_as_proved_only_if_it_was() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    for (id, method, proved) in
        [("claimed", AuthMethod::None, false), ("known", AuthMethod::ClientSecretBasic, true)]
    {
        let device = server.client(id, "openid", |client| client.auth_method = method).await;
        let page = ada.open(&device.start("openid").await.user_code).await;
        assert_eq!(page.shows("consent-claim-foreign-proved"), proved, "{page:?}");
        assert_eq!(page.shows("consent-claim-foreign-public"), !proved, "{page:?}");
    }
}

#[tokio::test]
async fn consent_is_asked_again_right_after_the_same_person_gave_it_to_the_same_app() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for _ in 0..2 {
        let started = tv.start("openid").await;
        let page = ada.open(&started.user_code).await;
        assert_eq!(page.location, "/device/consent");
        tv.poll(&started).await.must_be_error("authorization_pending");
        ada.decide(&page, "approve").await;
        tv.poll(&started).await.must_be_tokens();
    }
}

#[tokio::test]
async fn consent_is_asked_for_no_scope_at_all() {
    let server = TestServer::start().await;
    let (gate, ada) = (server.public_client("gate", "").await, server.ada().await);
    let answer = gate.ask(&[]).await;
    let page = ada.open(&answer.string("user_code")).await;
    assert!(page.shows("consent-no-scopes"), "{page:?}");
    assert_eq!(sessions_in(&server, "approved").await, 0);
    ada.decide(&page, "approve").await;
    let tokens = gate.poll_code(&answer.string("device_code"), &[]).await;
    tokens.must_be_tokens();
    assert_eq!(tokens.json.get("scope").and_then(|scope| scope.as_str()).unwrap_or_default(), "");
}

#[tokio::test]
async fn consent_is_asked_for_the_tenants_own_apps_too() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let own = server
        .client("own", "", |client| {
            client.first_party = true;
            client.scope_policy = ScopePolicy::Inherit;
        })
        .await;
    ada.sign_in().await;
    let page = ada.enter(&start_without_scope(&own).await).await;
    assert_eq!(page.location, "/device/consent");
    assert!(page.shows("consent-claim-own-public"), "{page:?}");
    assert_eq!(sessions_in(&server, "pending").await, 1);
}

#[tokio::test]
async fn only_rights_that_the_person_may_grant_are_shown_and_granted() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let shop = server.public_client("shop", "openid billing").await;
    for (name, roles, may) in [("ada", &["accountant"][..], true), ("bob", &[][..], false)] {
        let person = server.person(name, roles).await;
        let started = shop.start("openid billing").await;
        let page = person.open(&started.user_code).await;
        assert_eq!(page.says(r#"name="scope:billing""#), may, "{name}: {page:?}");
        person.decide(&page, "approve").await;
        let scope = shop.poll(&started).await.string("scope");
        assert_eq!(scope.split(' ').any(|granted| granted == "billing"), may, "{name}: {scope}");
    }
}

#[tokio::test]
async fn approving_needs_a_recent_sign_in_and_the_code_is_not_lost_over_it() {
    let server = TestServer::with(longest_code_lifetime).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    server.clock.advance(600.0);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    server.clock.advance(301.0);
    let page = ada.decide(&consent, "approve").await;
    assert_eq!(page.location, "/sign-in");
    assert!(page.says(&started.user_code) && page.shows("sign-in-again"), "{page:?}");
    tv.poll(&started).await.must_be_error("authorization_pending");
    let credentials = [("username", "ada"), ("password", ada.password.as_str())];
    let consent = ada.submit(&page, "/sign-in", &credentials).await;
    assert_eq!(consent.location, "/device/consent");
    ada.decide(&consent, "approve").await;
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn entering_a_code_needs_a_recent_sign_in_and_the_code_is_not_lost_over_it() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    server.clock.advance(901.0);
    let code = tv.start("openid").await.user_code;
    let page = ada.enter(&code).await;
    assert_eq!(page.location, "/sign-in");
    assert!(page.says(&code), "{page:?}");
    assert_eq!(server.count("SELECT sum(opened_count) FROM device_authorizations").await, 0);
    let credentials = [("username", "ada"), ("password", ada.password.as_str())];
    assert_eq!(ada.submit(&page, "/sign-in", &credentials).await.location, "/device/consent");
}

#[tokio::test]
async fn declining_needs_no_recent_sign_in() {
    let server = TestServer::with(longest_code_lifetime).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    server.clock.advance(600.0);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    server.clock.advance(301.0);
    assert!(ada.decide(&consent, "deny").await.says("Declined"));
    tv.poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn looking_at_the_question_answers_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.open(&tv.start("openid").await.user_code).await;
    let before = server.rows().await;
    for path in ["/device/consent", "/device/consent?decision=approve", "/device", "/sign-in"] {
        ada.visit(path).await;
        ada.browser().head(format!("{}{path}", server.base)).send().await.expect("the server answers");
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn without_an_open_code_there_is_no_question() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    assert_eq!(ada.visit("/device/consent").await.location, "/sign-in");
    ada.sign_in().await;
    assert_eq!(ada.visit("/device/consent").await.location, "/device");
    ada.open(&tv.start("openid").await.user_code).await;
    assert_eq!(ada.visit("/device/consent").await.location, "/device/consent");
    server.clock.advance(600.0);
    assert_eq!(ada.visit("/device/consent").await.location, "/device");
}

#[tokio::test]
async fn scopes_are_told_in_the_readers_language_and_else_as_they_are() {
    let server = TestServer::start().await;
    server.scope("videos", None).await;
    let translations = Translations::of([("de", "Ihre <b>Videos</b> sehen")]).expect("words");
    scopes::change(&server.app, DEFAULT_TENANT, "videos", &MeantFor::Any, &By::OPERATOR, |scope| {
        scope.translations = translations;
    })
    .await
    .expect("a change");
    server.hear_all().await;
    let tv = server.public_client("tv", "openid videos").await;
    let (ada, started) = (server.ada().await, tv.start("openid videos").await);
    ada.open(&started.user_code).await;
    let told = async |path: &str, language: &str| {
        let request = ada.browser().get(format!("{}{path}", server.base)).header("accept-language", language);
        Page::read(request.send().await.expect("an answer")).await.html
    };
    for path in ["/device/consent", "/account/devices"] {
        let openid = |language| words::of_scope("openid", language);
        let german = told(path, "de").await;
        assert!(german.contains("Ihre &#60;b&#62;Videos&#60;/b&#62; sehen"), "{german}");
        assert!(
            german.contains(&openid(Language::German)) && !german.contains("Words for videos"),
            "{german}"
        );
        let chinese = told(path, "zh-CN").await;
        assert!(
            chinese.contains(&openid(Language::SimplifiedChinese)) && chinese.contains("Words for videos"),
            "{chinese}"
        );
        let english = told(path, "en").await;
        assert!(
            english.contains(&openid(Language::English)) && english.contains("Words for videos"),
            "{english}"
        );
        if path == "/device/consent" {
            ada.approve(&started.user_code).await;
            tv.poll(&started).await.must_be_tokens();
        }
    }
}

#[tokio::test]
async fn a_right_that_the_account_may_not_grant_is_named() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let shop = server.public_client("shop", "openid billing").await;
    let ada = server.ada().await;
    let started = shop.start("openid billing").await;
    let consent = ada.open(&started.user_code).await;
    let (granted, withheld) =
        consent.html.split_once(&words::t("consent-withheld").to_string()).expect("a list");
    assert!(granted.contains(r#"name="scope:openid""#) && !granted.contains(">billing<"), "{consent:?}");
    assert!(withheld.contains(">billing<"), "{consent:?}");
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));
    assert_eq!(shop.poll(&started).await.must_be_tokens().string("scope"), "openid");
}

#[tokio::test]
async fn a_request_of_which_the_account_may_grant_nothing_is_denied_with_the_reason() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let shop = server.public_client("shop", "billing").await;
    let ada = server.ada().await;
    for started in [shop.start("billing").await, shop.start_with_default_scope().await] {
        let consent = ada.open(&started.user_code).await;
        assert!(consent.shows("consent-nothing-left"), "{consent:?}");
        assert!(consent.says(">billing<") && !consent.shows("consent-no-scopes"), "{consent:?}");
        assert!(!consent.says(r#"value="approve""#), "{consent:?}");
        let page = ada.decide(&consent, "approve").await;
        assert_eq!(page.status, 403, "{page:?}");
        assert!(page.shows("consent-nothing-granted"), "{page:?}");
        shop.poll(&started).await.must_be_error("access_denied");
    }
    let by_program = shop.start("billing").await;
    let refused =
        server.front_end(&ada).await.decide(&by_program.user_code, "approve", serde_json::json!({})).await;
    refused.must_be_refused(403, "access_denied");
    shop.poll(&by_program).await.must_be_error("access_denied");
    // Whoever may grant it connects the device as ever.
    let eve = server.person("eve", &["accountant"]).await;
    shop.connect(&eve, "billing").await;
}

#[tokio::test]
async fn a_right_that_is_lost_before_the_tokens_are_issued_denies_them() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let shop = server.public_client("shop", "billing").await;
    let eve = server.person("eve", &["accountant"]).await;
    let started = shop.start("billing").await;
    eve.approve(&started.user_code).await;
    server.execute("UPDATE users SET roles = '{}' WHERE username = 'eve'").await;
    shop.poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn a_refused_name_is_told_all_that_may_be_wrong() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    let answers = [("decision", "approve"), ("device_name", "P\u{430}ypal")];
    let page = ada.submit(&consent, "/device/consent", &answers).await;
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.shows("consent-name-error"), "{page:?}");
    for field in ["device_name", "os", "hostname", "client_version"] {
        let answer = tv.ask(&[(field, "a\u{202e}b")]).await;
        answer.must_be_error("invalid_request");
        let description = answer.string("error_description");
        assert!(description.starts_with(field) && description.len() <= 150, "{description}");
        for reason in ["128 characters", "control or bidirectional characters", "mixed alphabets"] {
            assert!(description.contains(reason), "{description}");
        }
    }
}
