//! RFC 8628 §3.5: what a polling device is told.

use crate::support::{TestServer, jwt};

#[tokio::test]
async fn a_device_that_waits_for_its_person_gets_its_tokens_once() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid profile offline_access").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    tokens.must_be_tokens();
    let (header, claims) = jwt::verify(&server, &server.base, &tokens.string("access_token")).await;
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(claims["sub"], server.user_id("ada").await.to_string());
    tv.poll(&started).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_device_that_polls_too_fast_must_wait_five_seconds_longer() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.clock.advance(2.0);
    tv.poll(&started).await.must_be_error("slow_down");
    server.clock.advance(5.0);
    tv.poll(&started).await.must_be_error("slow_down");
    server.clock.advance(15.0);
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn a_denied_device_is_told_so() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.deny(&started.user_code).await;
    tv.poll(&started).await.must_be_error("access_denied");
}
