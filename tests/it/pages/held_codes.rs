//! A code that another account has open: its owner is told, is no guesser for it, and gets it back.

use serde_json::json;

use super::{NO_SUCH_CODE, UNKNOWN_CODE};
use crate::phishing::set_policy;
use crate::support::device::send;
use crate::support::{Device, Page, Person, Started, TestServer};

const HELD: &str = "This code is open in another account.";

/// A code that somebody has seen and opened before its owner, who is signed in.
async fn scene() -> (TestServer, Device, Started, Person, Person) {
    let server = TestServer::behind_a_proxy().await;
    let tv = server.tv().await;
    let (mallory, ada) =
        (server.person("mallory", &[]).await.forwarded_for("198.51.100.7"), server.ada().await);
    ada.sign_in().await;
    let started = tv.start("openid").await;
    mallory.open(&started.user_code).await;
    (server, tv, started, mallory, ada)
}

#[track_caller]
fn must_be_held(page: &Page, wait: &str) {
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (409, wait), "{page:?}");
    assert!(page.says(HELD), "{page:?}");
}

#[tokio::test]
async fn the_owner_of_a_held_code_is_told_and_charged_no_guess() {
    let (server, _tv, started, mallory, ada) = scene().await;
    for _ in 0..4 {
        assert!(ada.enter(UNKNOWN_CODE).await.shows(NO_SUCH_CODE));
    }
    for _ in 0..3 {
        must_be_held(&ada.enter(&started.user_code).await, "120");
    }
    let device = format!("{}/devices/{}", server.base, started.user_code);
    assert_eq!(send(ada.fetch(device)).await.must_be_problem(404, "device_not_found").status, 404);
    // There is still a guess left for each.
    assert_eq!(ada.enter(UNKNOWN_CODE).await.status, 400);
    assert_eq!(ada.enter(UNKNOWN_CODE).await.status, 429);
    mallory.open(&started.user_code).await;
}

#[tokio::test]
async fn nobody_watches_a_held_code_for_long() {
    let (_server, _tv, started, _mallory, ada) = scene().await;
    for _ in 0..5 {
        must_be_held(&ada.enter(&started.user_code).await, "120");
    }
    // From here on it is like any other code that does not work, and costs as much.
    for _ in 0..5 {
        assert!(ada.enter(&started.user_code).await.shows(NO_SUCH_CODE));
    }
    assert_eq!(ada.enter(&started.user_code).await.status, 429);
}

#[tokio::test]
async fn a_code_is_taken_over_two_minutes_after_its_holders_last_request() {
    let (server, tv, started, mallory, ada) = scene().await;
    server.clock.advance(100.0);
    let shown = mallory.visit("/device/consent").await;
    server.clock.advance(20.0);
    must_be_held(&ada.enter(&started.user_code).await, "100");
    server.clock.advance(10.0);
    mallory.visit("/device/consent").await;
    server.clock.advance(119.0);
    must_be_held(&ada.enter(&started.user_code).await, "1");
    server.clock.advance(1.0);
    let consent = ada.open(&started.user_code).await;
    assert_eq!(mallory.decide(&shown, "approve").await.status, 409);
    assert_eq!(mallory.decide(&shown, "deny").await.status, 409);
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_step_up_under_way_keeps_a_code() {
    let server = TestServer::start().await;
    let (tv, ada, bob) = (server.tv().await, server.ada().await, server.person("bob", &[]).await);
    set_policy(&server, "tv", json!({"step_up": {"max_age_seconds": 60}})).await;
    ada.sign_in().await;
    ada.set_up_authenticator(&server.clock).await;
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    server.clock.advance(61.0);
    let sign_in = ada.decide(&consent, "approve").await;
    // Her password is right, and ends the session that has the code open; the code of her app comes late.
    let credentials = [("username", ada.username.as_str()), ("password", ada.password.as_str())];
    assert_eq!(ada.submit(&sign_in, "/sign-in", &credentials).await.location, "/sign-in/code");
    server.clock.advance(299.0);
    bob.sign_in().await;
    must_be_held(&bob.enter(&started.user_code).await, "120");
    server.clock.advance(2.0);
    assert_eq!(bob.enter(&started.user_code).await.location, "/device/consent");
}
