//! RFC 8707 §2.2: tokens are for the services that were named at the start, or for fewer.

use serde_json::{Value, json};

use crate::support::device::Started;
use crate::support::{Answer, Device, Person, TestServer, jwt};

const VIDEOS: &str = "https://videos.example.org/";
const MUSIC: &str = "urn:example:music";
const PHOTOS: &str = "urn:example:photos";

/// A server that knows all three, a device and its owner.
async fn with_services() -> (TestServer, Device, Person) {
    let server = TestServer::start().await;
    for uri in [VIDEOS, MUSIC, PHOTOS] {
        server.resource(uri, uri).await;
    }
    let (tv, ada) = (server.tv().await, server.ada().await);
    (server, tv, ada)
}

/// Asks for codes for these services, and has the person approve.
async fn approved(tv: &Device, ada: &Person, resources: &[&str]) -> Started {
    let mut asked = vec![("scope", "openid offline_access")];
    asked.extend(resources.iter().map(|uri| ("resource", *uri)));
    let answer = tv.ask(&asked).await;
    let started = Started {
        device_code: answer.string("device_code"),
        user_code: answer.string("user_code"),
        verification_uri: answer.string("verification_uri"),
        verification_uri_complete: answer.string("verification_uri_complete"),
    };
    ada.approve(&started.user_code).await;
    started
}

/// Exchanges a refresh token for tokens for these services.
async fn refresh(tv: &Device, tokens: &Answer, resources: &[&str]) -> Answer {
    let token = tokens.string("refresh_token");
    let mut asked = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str())];
    asked.extend(resources.iter().map(|uri| ("resource", *uri)));
    tv.token(&asked).await
}

/// The `aud` of the access token.
async fn audience(server: &TestServer, tokens: &Answer) -> Value {
    tokens.must_be_tokens();
    jwt::verify(server, &server.base, &tokens.string("access_token")).await.1["aud"].clone()
}

#[tokio::test]
async fn tokens_are_for_the_services_named_at_the_start() {
    let (server, tv, ada) = with_services().await;
    for (named, expected) in [
        (&[VIDEOS][..], json!(VIDEOS)),
        (&[VIDEOS, MUSIC], json!([VIDEOS, MUSIC])),
        (&[], json!(format!("{}/api", server.base))),
    ] {
        let started = approved(&tv, &ada, named).await;
        let tokens = tv.poll(&started).await;
        assert_eq!(audience(&server, &tokens).await, expected);
        let refreshed = refresh(&tv, &tokens, &[]).await;
        assert_eq!(audience(&server, &refreshed).await, expected);
        let (_, id_claims) = jwt::verify(&server, &server.base, &tokens.string("id_token")).await;
        assert_eq!(id_claims["aud"], "tv", "an ID token is for the client, whatever the service");
    }
}

#[tokio::test]
async fn a_poll_narrows_and_never_widens_and_a_refused_one_leaves_the_code() {
    let (server, tv, ada) = with_services().await;
    let started = approved(&tv, &ada, &[VIDEOS, MUSIC]).await;
    let default = format!("{}/api", server.base);
    for wider in [PHOTOS, default.as_str(), "urn:example:nothing", "videos"] {
        let asked = [("resource", VIDEOS), ("resource", wider)];
        tv.poll_code(&started.device_code, &asked).await.must_be_error("invalid_target");
    }
    let tokens = tv.poll_code(&started.device_code, &[("resource", MUSIC)]).await;
    assert_eq!(audience(&server, &tokens).await, json!(MUSIC));
    // Only this access token is narrower (RFC 8707 §2.2).
    let refreshed = refresh(&tv, &tokens, &[]).await;
    assert_eq!(audience(&server, &refreshed).await, json!([VIDEOS, MUSIC]));
}

#[tokio::test]
async fn a_refresh_narrows_and_never_widens_and_a_refused_one_leaves_the_token() {
    let (server, tv, ada) = with_services().await;
    let started = approved(&tv, &ada, &[VIDEOS, MUSIC]).await;
    let first = tv.poll(&started).await;
    refresh(&tv, &first, &[PHOTOS]).await.must_be_error("invalid_target");
    refresh(&tv, &first, &[VIDEOS, MUSIC, PHOTOS]).await.must_be_error("invalid_target");
    let second = refresh(&tv, &first, &[VIDEOS]).await;
    assert_eq!(audience(&server, &second).await, json!(VIDEOS));
    let third = refresh(&tv, &second, &[MUSIC]).await;
    assert_eq!(audience(&server, &third).await, json!(MUSIC));
    let fourth = refresh(&tv, &third, &[]).await;
    assert_eq!(audience(&server, &fourth).await, json!([VIDEOS, MUSIC]));
}

#[tokio::test]
async fn where_no_service_was_named_the_default_is_the_only_one() {
    let (server, tv, ada) = with_services().await;
    let default = format!("{}/api", server.base);
    let started = approved(&tv, &ada, &[]).await;
    tv.poll_code(&started.device_code, &[("resource", VIDEOS)]).await.must_be_error("invalid_target");
    let tokens = tv.poll_code(&started.device_code, &[("resource", &default)]).await;
    assert_eq!(audience(&server, &tokens).await, json!(default));
    refresh(&tv, &tokens, &[VIDEOS]).await.must_be_error("invalid_target");
    let refreshed = refresh(&tv, &tokens, &[&default]).await;
    assert_eq!(audience(&server, &refreshed).await, json!(default));
}
