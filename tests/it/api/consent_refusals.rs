//! Who may not decide at `/oauth/device/consent`, and what cannot be decided there.

use latchkey::model::client::{Client, ScopePolicy};
use serde_json::{Value, json};

use crate::support::device::send;
use crate::support::front_end::CONSENT;
use crate::support::{Device, TestServer};

const SCOPES: &str = "openid email offline_access";

async fn pending(server: &TestServer) -> i64 {
    server.count("SELECT count(*) FROM device_authorizations WHERE state = 'pending'").await
}

#[tokio::test]
async fn a_token_without_the_scope_opens_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let weak = front_end.with_token(&tv.connect(&ada, "openid").await.string("access_token"));
    let started = tv.start("openid").await;
    weak.read(&started.user_code).await.must_be_refused(403, "insufficient_scope");
    let refused = weak.decide(&started.user_code, "approve", json!({})).await;
    refused.must_be_refused(403, "insufficient_scope");
    assert!(refused.header("www-authenticate").contains(r#"scope="device:approve""#), "{refused:?}");
    front_end.with_token("nonsense").read(&started.user_code).await.must_be_an_invalid_token();
    let nobody = send(server.http.get(format!("{}{CONSENT}?user_code=x", server.base))).await;
    assert_eq!(nobody.status, 401);
    assert!(nobody.header("www-authenticate").starts_with("Bearer"), "{nobody:?}");
    assert_eq!(pending(&server).await, 1);
}

#[tokio::test]
async fn no_client_may_approve_devices_unless_it_is_registered_for_that() {
    let server = TestServer::start().await;
    let all = |client: &mut Client| (client.scope_policy, client.first_party) = (ScopePolicy::Inherit, true);
    let greedy = server.client("greedy", "openid", all).await;
    let admin = server.person("root", &["admin"]).await;
    let started = greedy.ask(&[]).await;
    admin.approve(&started.string("user_code")).await;
    let scope = greedy.poll_code(&started.string("device_code"), &[]).await.string("scope");
    let granted: Vec<_> = scope.split(' ').collect();
    assert!(granted.contains(&"email") && !granted.contains(&"device:approve"), "{scope}");
    assert!(!granted.contains(&"admin"), "{scope}");
    for asked in ["device:approve", "admin"] {
        greedy.ask(&[("scope", asked)]).await.must_be_error("invalid_scope");
    }
}

#[tokio::test]
async fn the_signing_in_behind_a_token_must_be_recent_as_in_a_browser() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let box_ = server.public_client("front-end", "openid device:approve offline_access").await;
    let tokens = box_.connect(&ada, "openid device:approve offline_access").await;
    server.clock.advance(901.0);
    let token = box_.refresh(&tokens.string("refresh_token")).await.string("access_token");
    let front_end = server.front_end(&ada).await.with_token(&token);
    let started = tv.start("openid").await;
    for refused in [
        front_end.read(&started.user_code).await,
        front_end.decide(&started.user_code, "approve", json!({})).await,
    ] {
        refused.must_be_refused(401, "insufficient_user_authentication");
        assert!(
            refused.header("www-authenticate").contains("insufficient_user_authentication"),
            "{refused:?}"
        );
    }
    assert_eq!(pending(&server).await, 1);
}

#[tokio::test]
async fn unknown_expired_used_and_foreign_codes_are_told_alike() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let (used, live) = (tv.start("openid").await, tv.start("openid").await);
    let bob = server.front_end(&server.person("bob", &[]).await).await;
    bob.decide(&used.user_code, "deny", json!({})).await.must_be_decided("denied");
    let (acme, base) = server.tenant("acme").await;
    let foreign = server.client_of(acme, &base, "tv", "openid", |_| ()).await.start("openid").await;
    let mut told = Vec::new();
    for code in ["BBBB-BBBB", "x", &used.user_code, &foreign.user_code] {
        for answer in [
            front_end.read(code).await,
            front_end.decide(code, "approve", json!({})).await,
            front_end.decide(code, "deny", json!({})).await,
        ] {
            told.push((answer.must_be_refused(404, "invalid_request").status, answer.text.clone()));
            // Five wrong codes are enough for one account.
            server.execute("DELETE FROM attempt_budgets").await;
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    front_end.decide(&live.user_code, "approve", json!({})).await.must_be_decided("approved");
}

#[tokio::test]
async fn guesses_are_counted_as_those_on_the_page() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let live = tv.start("openid").await;
    for _ in 0..2 {
        front_end.read("BBBB-BBBB").await.must_be_refused(404, "invalid_request");
        front_end.decide("CCCC-CCCC", "deny", json!({})).await.must_be_refused(404, "invalid_request");
        assert_eq!(front_end.read(&live.user_code).await.status, 200);
    }
    assert!(ada.enter("DDDD-DDDD").await.says("This code does not work."));
    for refused in
        [front_end.read(&live.user_code).await, front_end.decide(&live.user_code, "approve", json!({})).await]
    {
        assert_eq!(refused.status, 429, "{refused:?}");
        assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
    }
    assert_eq!(pending(&server).await, 1);
}

#[tokio::test]
async fn a_code_that_was_passed_round_is_dead_here_too() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let started = tv.start("openid").await;
    for _ in 0..5 {
        ada.open(&started.user_code).await;
    }
    front_end.read(&started.user_code).await.must_be_refused(404, "invalid_request");
    front_end.decide(&started.user_code, "approve", json!({})).await.must_be_refused(404, "invalid_request");
    let answer = tv.poll(&started).await;
    assert!(["access_denied", "authorization_pending"].contains(&answer.error()), "{answer:?}");
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE state = 'approved'").await, 0);
}

#[tokio::test]
async fn nobody_decides_on_what_another_account_has_open() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let bob = server.person("bob", &[]).await;
    let bobs_front_end = server.front_end(&bob).await;
    let started = tv.start("openid").await;
    let shown = ada.open(&started.user_code).await;
    for refused in [
        bobs_front_end.read(&started.user_code).await,
        bobs_front_end.decide(&started.user_code, "approve", json!({})).await,
        bobs_front_end.decide(&started.user_code, "deny", json!({})).await,
    ] {
        refused.must_be_refused(409, "invalid_request");
        assert!(refused.text.contains("open for another user"), "{refused:?}");
        assert_eq!(refused.header("retry-after"), "120");
    }
    assert!(ada.decide(&shown, "approve").await.says("Your device is connected"));
}

#[tokio::test]
async fn a_front_end_and_a_page_of_one_person_decide_once() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let started = tv.start("openid").await;
    let shown = ada.open(&started.user_code).await;
    front_end.decide(&started.user_code, "deny", json!({})).await.must_be_decided("denied");
    assert_eq!(ada.decide(&shown, "approve").await.status, 409);
    front_end.decide(&started.user_code, "approve", json!({})).await.must_be_refused(404, "invalid_request");
    tv.poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn no_choice_makes_the_grant_larger_and_a_refused_one_costs_nothing() {
    let server = TestServer::start().await;
    server.scope("billing", None).await;
    let shop = server.public_client("shop", "openid email billing offline_access").await;
    let ada = server.ada().await;
    let front_end = server.front_end(&ada).await;
    let started = shop.start(SCOPES).await;
    let refused: [(Value, &str); 9] = [
        (json!({"scopes": ["openid", "email", "billing"]}), "invalid_scope"),
        (json!({"scopes": ["openid", "admin"]}), "invalid_scope"),
        (json!({"scopes": ["openid email"]}), "invalid_scope"),
        (json!({"scopes": ["email"]}), "invalid_scope"),
        (json!({"scopes": "openid"}), "invalid_request"),
        (json!({"trusted": true}), "invalid_request"),
        (json!({"trusted": "yes"}), "invalid_request"),
        (json!({"device_name": "a\u{202e}b"}), "invalid_request"),
        (json!({"lifetime": "forever"}), "invalid_request"),
    ];
    for (choice, error) in refused {
        front_end.decide(&started.user_code, "approve", choice).await.must_be_error(error);
    }
    assert_eq!(
        server.count("SELECT opened_count::bigint FROM device_authorizations WHERE client_id = 'shop'").await,
        0
    );
    front_end
        .decide(&started.user_code, "approve", json!({"scopes": ["openid"]}))
        .await
        .must_be_decided("approved");
    let tokens = shop.poll(&started).await;
    assert_eq!(tokens.must_be_tokens().string("scope"), "openid");
    assert!(tokens.json.get("refresh_token").is_none(), "{tokens:?}");
}

#[tokio::test]
async fn an_approval_of_no_scope_is_refused_where_some_were_requested() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let started = tv.start("email offline_access").await;
    for choice in [json!({"scopes": []}), json!({"scopes": ["offline_access"], "lifetime": "once"})] {
        let refused = front_end.decide(&started.user_code, "approve", choice).await;
        refused.must_be_error("invalid_scope");
        assert!(refused.text.contains("deny"), "{refused:?}");
    }
    assert_eq!(pending(&server).await, 1);
    let sensor = server.public_client("sensor", "").await.ask(&[]).await;
    let nothing = json!({"scopes": []});
    front_end.decide(&sensor.string("user_code"), "approve", nothing).await.must_be_decided("approved");
}

#[tokio::test]
async fn what_is_no_decision_is_refused_in_its_own_words() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let code = tv.start("openid").await.user_code;
    for body in [
        json!({}),
        json!([]),
        json!({"user_code": code}),
        json!({"decision": "approve"}),
        json!({"user_code": code, "decision": "yes"}),
        json!({"user_code": code, "decision": "APPROVE"}),
        json!({"user_code": 1, "decision": "approve"}),
    ] {
        front_end.post(&body).await.must_be_error("invalid_request");
    }
    let url = format!("{}{CONSENT}", server.base);
    let twice = format!(r#"{{"user_code":"{code}","decision":"deny","decision":"approve"}}"#);
    let request = || server.http.post(&url).bearer_auth(&front_end.token);
    send(request().header("content-type", "application/json").body(twice))
        .await
        .must_be_error("invalid_request");
    let form = send(request().form(&[("user_code", code.as_str()), ("decision", "approve")])).await;
    form.must_be_refused(415, "invalid_request");
    let read = send(server.http.get(&url).bearer_auth(&front_end.token)).await;
    read.must_be_error("invalid_request");
    assert_eq!(pending(&server).await, 1);
}

#[tokio::test]
async fn a_token_in_the_address_is_no_token() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let code = tv.start("openid").await.user_code;
    let url = format!("{}{CONSENT}?user_code={code}&access_token={}", server.base, front_end.token);
    assert_eq!(send(server.http.get(url)).await.status, 401);
}

#[tokio::test]
async fn a_front_end_whose_device_was_disconnected_decides_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end: Device = server.public_client("front-end", "openid device:approve offline_access").await;
    let tokens = front_end.connect(&ada, "openid device:approve offline_access").await;
    front_end.revoke(&tokens.string("refresh_token")).await;
    let gone = server.front_end(&ada).await.with_token(&tokens.string("access_token"));
    gone.decide(&tv.start("openid").await.user_code, "approve", json!({})).await.must_be_an_invalid_token();
}
