//! Reverse confirmation: the device must send what the approval page shows.

use serde_json::json;

use super::*;

async fn always(server: &TestServer) -> Device {
    let tv = server.tv().await;
    set_policy(server, "tv", json!({"approval": {"reverse_confirmation": "always"}})).await;
    tv
}

#[tokio::test]
async fn a_strangers_link_gains_nothing() {
    let (server, _folder) = server().await;
    let (tv, ada) = (always(&server).await, server.ada().await.forwarded_for(BERLIN));
    let started = start_from(&tv, PARIS).await;
    let consent = open_by_link(&ada, &started).await;
    characters(&approve_typing(&ada, &consent, &started.user_code).await);
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.clock.advance(700.0);
    tv.poll(&started).await.must_be_error("expired_token");
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 0);
}

#[tokio::test]
async fn the_right_characters_bring_the_tokens_with_the_same_poll() {
    let server = TestServer::start().await;
    let (tv, ada) = (always(&server).await, server.ada().await);
    let answer = tv.ask(&[("scope", "openid")]).await;
    assert_eq!(answer.json["confirmation_required"], true);
    let started = tv.start("openid").await;
    // Sent too early, they are a poll like any other, and no attempt.
    confirm(&tv, &started, "BBB").await.must_be_error("authorization_pending");
    let consent = ada.open(&started.user_code).await;
    let shown = characters(&ada.decide(&consent, "approve").await);
    server.clock.advance(6.0);
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.clock.advance(6.0);
    confirm(&tv, &started, &shown.to_lowercase()).await.must_be_tokens();
    assert_eq!(server.audited("device_authorization.confirmed", "success").await, 1);
    let stored = server.rows().await;
    assert!(!stored["device_authorizations"].contains(&shown), "the characters are stored");
}

#[tokio::test]
async fn an_approval_that_is_sent_again_shows_the_same_code_until_the_device_has_sent_it() {
    let server = TestServer::start().await;
    let (tv, ada) = (always(&server).await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    let shown = characters(&ada.decide(&consent, "approve").await);
    assert_eq!(characters(&ada.decide(&consent, "approve").await), shown);
    assert_eq!(server.audited("device_authorization.approved", "success").await, 1);
    confirm(&tv, &started, &shown).await.must_be_tokens();
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));
}

#[tokio::test]
async fn three_wrong_ones_deny() {
    let server = TestServer::start().await;
    let (tv, ada) = (always(&server).await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    let shown = characters(&ada.decide(&consent, "approve").await);
    for left in [2, 1] {
        let answer = confirm(&tv, &started, "AAA").await;
        answer.must_be_error("authorization_pending");
        assert_eq!(answer.json["confirmation_attempts_left"], left);
        server.clock.advance(6.0);
    }
    confirm(&tv, &started, "AAA").await.must_be_error("access_denied");
    server.clock.advance(6.0);
    confirm(&tv, &started, &shown).await.must_be_error("access_denied");
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 0);
}

#[tokio::test]
async fn polls_that_come_too_early_are_slowed_and_never_looked_at() {
    let server = TestServer::start().await;
    let (tv, ada) = (always(&server).await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    let shown = characters(&ada.decide(&consent, "approve").await);
    tv.poll(&started).await.must_be_error("authorization_pending");
    for _ in 0..5 {
        confirm(&tv, &started, "AAA").await.must_be_error("slow_down");
    }
    server.clock.advance(60.0);
    confirm(&tv, &started, &shown).await.must_be_tokens();
}

#[tokio::test]
async fn a_poll_that_waits_is_not_woken_by_an_unconfirmed_approval() {
    let server = TestServer::hearing().await;
    let (tv, ada) = (always(&server).await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    let waiting = {
        let request = tv.request("/oauth/token").header("prefer", "wait=1").form(&poll_form(&tv, &started));
        async move { send(request).await }
    };
    let (answer, page) = tokio::join!(waiting, ada.decide(&consent, "approve"));
    answer.must_be_error("authorization_pending");
    let shown = characters(&page);
    server.clock.advance(6.0);
    confirm(&tv, &started, &shown).await.must_be_tokens();
}

#[tokio::test]
async fn another_server_on_the_same_database_takes_them_too() {
    let server = TestServer::start().await;
    let other = server.replica().await;
    let (tv, ada) = (always(&server).await, server.ada().await);
    let elsewhere = tv.at(&other.base);
    let started = tv.start("openid").await;
    elsewhere.poll(&started).await.must_be_error("authorization_pending");
    let consent = ada.open(&started.user_code).await;
    let shown = characters(&ada.decide(&consent, "approve").await);
    server.clock.advance(6.0);
    confirm(&elsewhere, &started, "AAA").await.must_be_error("authorization_pending");
    server.clock.advance(6.0);
    confirm(&tv, &started, &shown).await.must_be_tokens();
    server.clock.advance(1.0);
    confirm(&elsewhere, &started, &shown).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn by_risk_only_clients_that_can_ask_for_them_are_to_send_them() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await.forwarded_for(BERLIN));
    set_policy(&server, "tv", json!({"approval": {"reverse_confirmation": "on_risk"}})).await;
    let near = start_from(&tv, BERLIN).await;
    let consent = open_by_link(&ada, &near).await;
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));

    let answer = ask_from(&tv, PARIS).await;
    assert_eq!(answer.json["confirmation_possible"], true);
    assert!(answer.json.get("confirmation_required").is_none());
    let far = start_from(&tv, PARIS).await;
    let sign_in = ada.decide(&open_by_link(&ada, &far).await, "approve").await;
    // Who signed in after the code was made need not sign in again.
    let page = if sign_in.location.ends_with("/sign-in") {
        let consent = sign_in_on(&ada, &sign_in).await;
        approve_typing(&ada, &consent, &far.user_code).await
    } else {
        approve_typing(&ada, &sign_in, &far.user_code).await
    };
    let shown = characters(&page);
    confirm(&tv, &far, &shown).await.must_be_tokens();
}

#[tokio::test]
async fn an_account_that_is_disabled_in_between_confirms_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (always(&server).await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    let shown = characters(&ada.decide(&consent, "approve").await);
    server.set_standing("ada", latchkey::model::user::Standing::Disabled).await;
    server.hear_all().await;
    confirm(&tv, &started, &shown).await.must_be_error("access_denied");
}
