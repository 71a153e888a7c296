//! `GET` and `POST /oauth/device/consent`: the consent page's work, for a front end of one's own.

use latchkey::languages::Language;
use serde_json::{Value, json};

use crate::support::device::send;
use crate::support::front_end::{CONSENT, reading};
use crate::support::{Person, TestServer, jwt, words};

const SCOPES: &str = "openid email profile offline_access";

fn names(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|name| name.as_str().expect("a name")).collect()
}

#[tokio::test]
async fn a_front_end_reads_what_a_code_asks_for() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let parameters = [
        ("scope", "openid email"),
        ("device_name", "Living room"),
        ("os", "Android 14"),
        ("hostname", "tv-1"),
    ];
    let started = tv.ask(&parameters).await;
    let (code, expires_in) =
        (started.string("user_code"), started.json["expires_in"].as_i64().expect("seconds"));
    let answer = front_end.read(&code.to_lowercase().replace('-', " ")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let consent = &answer.json;
    let mut members: Vec<_> = consent.as_object().expect("an object").keys().map(String::as_str).collect();
    members.retain(|member| *member != "choices");
    let expected = [
        "client_id",
        "client_name",
        "device",
        "expires_at",
        "granted_scopes",
        "requested_scopes",
        "risk",
        "scopes",
        "user_code",
    ];
    assert_eq!(members, expected);
    assert_eq!((&consent["user_code"], &consent["client_id"]), (&json!(code), &json!("tv")));
    assert_eq!(consent["client_name"], "The tv app");
    let ends = server.clock.now() + chrono::TimeDelta::seconds(expires_in);
    assert_eq!(consent["expires_at"], ends.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    assert_eq!(names(&consent["requested_scopes"]), ["email", "openid"]);
    assert_eq!(names(&consent["granted_scopes"]), ["email", "openid"]);
    assert_eq!(names(&consent["choices"]["optional_scopes"]), ["email"]);
    assert_eq!(consent["choices"]["may_trust"], false);
    let device = &consent["device"];
    assert_eq!((&device["name"], &device["os"]), (&json!("Living room"), &json!("Android 14")));
    assert_eq!((&device["hostname"], &device["ip_address"]), (&json!("tv-1"), &json!("127.0.0.1")));
    assert_eq!(device["client_version"], Value::Null);
    assert!(consent["risk"]["verdict"].is_string(), "{answer:?}");
}

#[tokio::test]
async fn what_is_granted_is_what_this_person_may_grant() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let shop = server.public_client("shop", "openid billing").await;
    let (ada, eve) = (server.ada().await, server.person("eve", &["accountant"]).await);
    let started = shop.start("openid billing").await;
    let read = server.front_end(&ada).await.read(&started.user_code).await;
    assert_eq!(names(&read.json["requested_scopes"]), ["billing", "openid"]);
    assert_eq!(names(&read.json["granted_scopes"]), ["openid"]);
    let read = server.front_end(&eve).await.read(&started.user_code).await;
    assert_eq!(names(&read.json["granted_scopes"]), ["billing", "openid"]);
}

#[tokio::test]
async fn reading_changes_nothing_however_often() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let started = tv.start("openid").await;
    let standing = "SELECT count(*) FROM device_authorizations
                    WHERE state = 'pending' AND opened_count = 0 AND opened_by IS NULL";
    for _ in 0..12 {
        assert_eq!(front_end.read(&started.user_code).await.status, 200);
    }
    assert_eq!(server.count(standing).await, 1);
    tv.poll(&started).await.must_be_error("authorization_pending");
    ada.at_another_browser().approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_front_end_approves_for_its_person() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let started = tv.start(SCOPES).await;
    front_end.decide(&started.user_code, "approve", json!({})).await.must_be_decided("approved");
    let tokens = tv.poll(&started).await;
    assert_eq!(tokens.must_be_tokens().string("scope"), "email offline_access openid profile");
    let (_, claims) = jwt::verify(&server, &server.base, &tokens.string("access_token")).await;
    assert_eq!(claims["sub"], server.user_id("ada").await.to_string());
    assert_eq!(claims["amr"], json!(["pwd"]));
    assert_eq!(server.audited("device_authorization.approved", "success").await, 2);
}

#[tokio::test]
async fn a_front_end_declines_for_its_person() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let started = tv.start("openid").await;
    front_end.decide(&started.user_code, "deny", json!({})).await.must_be_decided("denied");
    tv.poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn the_person_leaves_scopes_out_and_gives_the_device_a_name() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let started = tv.ask(&[("scope", SCOPES), ("device_name", "SM-1234")]).await;
    let choice =
        json!({"scopes": ["openid", "offline_access"], "device_name": " Küche 📺 ", "lifetime": "day"});
    front_end.decide(&started.string("user_code"), "approve", choice).await.must_be_decided("approved");
    let tokens = tv.poll_code(&started.string("device_code"), &[]).await;
    assert_eq!(tokens.must_be_tokens().string("scope"), "offline_access openid");
    let named = "SELECT count(*) FROM devices WHERE name = 'Küche 📺' AND declared_name = 'SM-1234'
                 AND expires_at = created_at + interval '1 day'";
    assert_eq!(server.count(named).await, 1);
    let refreshed = tv.refresh(&tokens.string("refresh_token")).await;
    assert_eq!(refreshed.must_be_tokens().string("scope"), "offline_access openid");
    server.clock.advance(86_400.0);
    tv.refresh(&refreshed.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_device_that_may_stay_only_this_once_gets_no_refresh_token() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let started = tv.start(SCOPES).await;
    let once = json!({"lifetime": "once"});
    front_end.decide(&started.user_code, "approve", once).await.must_be_decided("approved");
    let tokens = tv.poll(&started).await;
    assert_eq!(tokens.must_be_tokens().string("scope"), "email openid profile");
    assert!(tokens.json.get("refresh_token").is_none(), "{tokens:?}");
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE idle_expires_at IS NOT NULL").await, 0);
}

async fn csrf_token(ada: &Person, user_code: &str) -> String {
    let read = send(ada.fetch(reading(&ada.base, user_code))).await;
    assert_eq!(read.status, 200, "{read:?}");
    read.header("x-csrf-token").to_owned()
}

#[tokio::test]
async fn a_signed_in_browser_decides_with_its_csrf_token_and_not_without() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let started = tv.start("openid").await;
    let token = csrf_token(&ada, &started.user_code).await;
    let url = format!("{}{CONSENT}", ada.base);
    let body = json!({"user_code": started.user_code, "decision": "approve"});
    let bare = || ada.browser().post(&url).json(&body);
    let foreign = [
        bare(),
        bare().header("x-csrf-token", "guess"),
        bare().header("x-csrf-token", &token).header("sec-fetch-site", "cross-site"),
        bare().header("x-csrf-token", &token).header("origin", "https://evil.example"),
    ];
    for request in foreign {
        send(request).await.must_be_refused(403, "access_denied");
    }
    tv.poll(&started).await.must_be_error("authorization_pending");
    send(bare().header("x-csrf-token", &token)).await.must_be_decided("approved");
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn other_sites_reach_it_with_a_token_and_never_with_a_cookie() {
    let server = TestServer::start().await;
    let preflight = server
        .http
        .request(reqwest::Method::OPTIONS, format!("{}{CONSENT}", server.base))
        .header("origin", "https://front.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type");
    let answer = send(preflight).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(!answer.header("access-control-allow-headers").contains("csrf"), "{answer:?}");
}

#[tokio::test]
async fn it_answers_below_the_versioned_prefix_too() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let started = tv.start("openid").await;
    let url = format!("{}/api/v1{CONSENT}/?user_code={}", server.base, started.user_code);
    let answer = send(server.http.get(url).bearer_auth(&front_end.token)).await;
    assert_eq!(answer.string("client_id"), "tv");
}

#[tokio::test]
async fn scopes_are_told_in_the_language_that_is_asked_for() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let code = tv.start("openid").await.user_code;
    for (accepted, language) in [
        ("de-AT", Language::German),
        ("zh-CN,de", Language::SimplifiedChinese),
        ("fr, de;q=0.5", Language::English),
        ("not a language", Language::English),
    ] {
        let request = server.http.get(reading(&server.base, &code)).bearer_auth(&front_end.token);
        let answer = send(request.header("accept-language", accepted)).await;
        let words = words::of_scope("openid", language);
        assert_eq!(answer.json["scopes"], json!([{"name": "openid", "description": words}]), "{accepted}");
    }
}

#[tokio::test]
async fn a_cookie_from_elsewhere_is_refused_before_it_counts() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let started = tv.start("openid").await;
    let token = csrf_token(&ada, &started.user_code).await;
    let (before, wrong) = (server.rows().await, reading(&ada.base, "BBBB-BBBB"));
    for headers in [
        // A link, a window or a form of another site, a sibling's host, the address bar, an old browser.
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")][..],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
        &[("x-csrf-token", "guess")],
        &[("x-csrf-token", &token), ("sec-fetch-site", "cross-site")],
        &[],
    ] {
        let request = headers
            .iter()
            .fold(ada.browser().get(&wrong), |request, (name, value)| request.header(*name, *value));
        let refused = send(request).await;
        refused.must_be_refused(403, "access_denied");
        assert_eq!(refused.header("x-csrf-token"), "", "{headers:?}");
    }
    assert_eq!(server.rows().await, before);
    // A browser that says nothing of where it asks from shows the token.
    let request = ada.browser().get(reading(&ada.base, &started.user_code));
    assert_eq!(send(request.header("x-csrf-token", &token)).await.status, 200);
}
