//! RFC 8628 §3.4: what a polling device sends.

use latchkey::model::client::AuthMethod;

use crate::support::TestServer;
use crate::support::device::{BodyType, DEVICE_GRANT, Proof, send};

#[tokio::test]
async fn tokens_are_collected_with_a_body_of_any_type() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for body in BodyType::ALL {
        let started = tv.start("openid").await;
        ada.approve(&started.user_code).await;
        let parameters = [
            ("grant_type", DEVICE_GRANT),
            ("client_id", "tv"),
            ("device_code", started.device_code.as_str()),
        ];
        send(body.fill(tv.request("/oauth/token"), &parameters)).await.must_be_tokens();
    }
}

#[tokio::test]
async fn the_grant_type_is_the_registered_name_exactly() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let code = tv.start("openid").await.device_code;
    let upper = DEVICE_GRANT.to_uppercase();
    for grant in
        [&upper, "device_code", "urn:ietf:params:oauth:grant-type:device_code ", "password", "implicit"]
    {
        let answer = tv.token(&[("grant_type", grant), ("device_code", &code)]).await;
        answer.must_be_error("unsupported_grant_type");
    }
    tv.token(&[("device_code", &code)]).await.must_be_error("invalid_request");
    tv.token(&[("grant_type", ""), ("device_code", &code)]).await.must_be_error("invalid_request");
}

#[tokio::test]
async fn a_poll_without_a_code_is_refused() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    tv.token(&[("grant_type", DEVICE_GRANT)]).await.must_be_error("invalid_request");
    tv.poll_code("", &[]).await.must_be_error("invalid_request");
}

#[tokio::test]
async fn nothing_but_a_device_code_passes_for_one() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    let refresh_token = tv.connect(&ada, "openid offline_access").await.string("refresh_token");
    let truncated = &started.device_code[..started.device_code.len() - 1];
    let longer = format!("{}0", started.device_code);
    let renamed = refresh_token.replace("lkr_", "lkd_");
    let long = "a".repeat(4096);
    for code in [
        &started.user_code,
        &started.user_code.replace('-', ""),
        &refresh_token,
        &renamed,
        truncated,
        &longer,
        &started.device_code.to_uppercase(),
        &format!(" {}", started.device_code),
        "x",
        "ключ📺",
        "' OR 1=1 --",
        &long,
    ] {
        tv.poll_code(code, &[]).await.must_be_error("invalid_grant");
    }
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_code_is_of_no_use_to_another_client_and_stays_good_for_its_own() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let other = server.public_client("other", "openid").await;
    let started = tv.start("openid").await;
    let pending = other.poll(&started).await;
    ada.approve(&started.user_code).await;
    let approved = other.poll(&started).await;
    let unknown = other.poll_code("lkd_nonsense", &[]).await;
    for answer in [&pending, &approved, &unknown] {
        answer.must_be_error("invalid_grant");
        assert_eq!(answer.text, unknown.text);
    }
    tv.poll(&started).await.must_be_tokens();
    // Not even after it was used: the other client is no witness of a theft.
    server.clock.advance(60.0);
    other.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE revoked_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn another_clients_polls_do_not_slow_a_device_down() {
    let server = TestServer::start().await;
    let (tv, other) = (server.tv().await, server.public_client("other", "openid").await);
    let started = tv.start("openid").await;
    other.poll(&started).await.must_be_error("invalid_grant");
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.clock.advance(4.0);
    other.poll(&started).await.must_be_error("invalid_grant");
    server.clock.advance(1.0);
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn a_confidential_client_must_prove_itself_at_every_poll() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let method = AuthMethod::ClientSecretBasic;
    let device = server.client("box", "openid", |client| client.auth_method = method).await;
    let started = device.start("openid").await;
    ada.approve(&started.user_code).await;
    for proof in [Proof::None, Proof::Basic("wrong".to_owned()), Proof::Post("wrong".to_owned())] {
        device.with_proof(proof).poll(&started).await.must_be_error("invalid_client");
    }
    // A failed proof has not touched the code.
    device.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn the_access_token_may_be_asked_for_with_fewer_rights_but_never_with_more() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid profile offline_access").await;
    ada.approve(&started.user_code).await;
    for wider in ["openid email", "email", "admin", "\"", " "] {
        tv.poll_code(&started.device_code, &[("scope", wider)]).await.must_be_error("invalid_scope");
    }
    let resource = [("resource", "https://api.example.org")];
    tv.poll_code(&started.device_code, &resource).await.must_be_error("invalid_target");
    let tokens = tv.poll_code(&started.device_code, &[("scope", "profile")]).await;
    assert_eq!(tokens.must_be_tokens().string("scope"), "profile");
    assert!(tokens.json.get("id_token").is_none(), "{tokens:?}");
    // Narrowing was for this access token alone (RFC 6749 §6).
    let renewed = tv.refresh(&tokens.string("refresh_token")).await;
    assert_eq!(renewed.must_be_tokens().string("scope"), "offline_access openid profile");
}
