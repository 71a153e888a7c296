//! A flood of requests for codes is refused before it becomes rows; waiting devices notice nothing of it.

use tokio::task::JoinSet;

use crate::support::device::send;
use crate::support::{Answer, TestServer};

const ROWS: &str = "SELECT count(*) FROM device_authorizations";

#[track_caller]
fn must_be_too_many(answer: &Answer) {
    // RFC 6585 §4
    assert_eq!(answer.status, 429, "{answer:?}");
    answer.must_be_an_oauth_body();
    let seconds: u32 = answer.header("retry-after").parse().expect("Retry-After is in seconds");
    assert!(seconds >= 1);
}

#[tokio::test]
async fn one_address_gets_a_burst_of_codes_and_then_some_a_minute() {
    let server = TestServer::with(|config| {
        config.rate_limits.device_authorization_burst = 3;
        config.rate_limits.device_authorization_per_minute = 2;
    })
    .await;
    let tv = server.tv().await;
    for _ in 0..3 {
        tv.start("openid").await;
    }
    let refused = tv.ask(&[]).await;
    must_be_too_many(&refused);
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(server.count(ROWS).await, 3);
    server.clock.advance(30.0);
    tv.start("openid").await;
    must_be_too_many(&tv.ask(&[]).await);
}

#[tokio::test]
async fn a_flood_at_once_gets_no_more_than_the_burst() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let mut flood = JoinSet::new();
    for _ in 0..60 {
        let tv = tv.clone();
        flood.spawn(async move { tv.ask(&[]).await });
    }
    let (given, refused): (Vec<_>, Vec<_>) =
        flood.join_all().await.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((given.len(), refused.len()), (20, 40));
    refused.iter().for_each(must_be_too_many);
    assert_eq!(server.count(ROWS).await, 20);
}

#[tokio::test]
async fn a_client_cannot_say_that_it_is_at_another_address() {
    let server = TestServer::with(|config| config.rate_limits.device_authorization_burst = 1).await;
    let tv = server.tv().await;
    tv.start("openid").await;
    for (header, value) in
        [("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=203.0.113.9"), ("x-real-ip", "203.0.113.9")]
    {
        let request = tv.request("/oauth/device-authorization").header(header, value);
        must_be_too_many(&send(request.form(&[("client_id", "tv")])).await);
    }
}

#[tokio::test]
async fn one_client_may_have_so_many_codes_waiting_at_one_address() {
    let server = TestServer::with(|config| config.device_flow.max_pending_per_client_and_address = 2).await;
    let (tv, other) = (server.tv().await, server.public_client("other", "openid").await);
    for _ in 0..2 {
        tv.start("openid").await;
    }
    must_be_too_many(&tv.ask(&[]).await);
    assert_eq!(server.count(ROWS).await, 2);
    other.start("openid").await;
    server.clock.advance(600.0);
    tv.start("openid").await;
}

#[tokio::test]
async fn a_decided_code_makes_room_for_another() {
    let server = TestServer::with(|config| config.device_flow.max_pending_per_client_and_address = 1).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    must_be_too_many(&tv.ask(&[]).await);
    ada.deny(&started.user_code).await;
    tv.start("openid").await;
}

#[tokio::test]
async fn one_tenant_may_have_so_many_codes_waiting() {
    let server = TestServer::with(|config| config.device_flow.max_pending_per_tenant = 2).await;
    let tv = server.tv().await;
    let (acme, base) = server.tenant("acme").await;
    let elsewhere = server.client_of(acme, &base, "tv", "openid", |_| ()).await;
    for _ in 0..2 {
        tv.start("openid").await;
    }
    must_be_too_many(&tv.ask(&[]).await);
    assert_eq!(server.count(ROWS).await, 2);
    elsewhere.start("openid").await;
}

#[tokio::test]
async fn a_device_that_waits_is_never_told_that_there_are_too_many() {
    let server = TestServer::with(|config| config.rate_limits.device_authorization_burst = 1).await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    must_be_too_many(&tv.ask(&[]).await);
    tv.poll(&started).await.must_be_error("authorization_pending");
    // Any other word would make it stop for good (RFC 8628 §3.5).
    for _ in 0..60 {
        tv.poll(&started).await.must_be_error("slow_down");
    }
}
