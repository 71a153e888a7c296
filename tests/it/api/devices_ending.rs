//! A person's devices: locking and disconnecting them, by token and by the browser's session.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Home, SCOPES, id_of, path_of};
use crate::support::Answer;
use crate::support::device::send;

#[tokio::test]
async fn a_locked_device_gets_no_tokens_until_it_is_unlocked() {
    let home = Home::build().await;
    let api = home.server.api().await;
    let other = home.another().await;
    let path = path_of(&other);
    let locked = home.ask(Method::POST, &format!("{path}/lock")).await;
    assert_eq!((locked.status.as_u16(), &locked.json["status"]), (200, &json!("locked")), "{locked:?}");
    api.introspect(&other.string("access_token")).await.must_be_inactive();
    assert_eq!(home.tv.refresh(&other.string("refresh_token")).await.status, 503);
    home.ask_with(Method::POST, &format!("{path}/unlock"), &other)
        .await
        .must_be_problem(401, "invalid_token");
    let again = home.ask(Method::POST, &format!("{path}/lock")).await;
    assert_eq!((again.header("etag"), &again.json), (locked.header("etag"), &locked.json));
    let unlocked = home.ask(Method::POST, &format!("{path}/unlock")).await;
    assert_eq!(unlocked.json["status"], "active", "{unlocked:?}");
    api.introspect(&other.string("access_token")).await.must_be_active();
    home.tv.refresh(&other.string("refresh_token")).await.must_be_tokens();
    for action in ["device.locked", "device.unlocked"] {
        assert_eq!(home.server.audited(action, "success").await, 1, "{action}");
    }
}

#[tokio::test]
async fn a_deleted_device_is_dead_at_once_and_reappears_nowhere() {
    let home = Home::build().await;
    let replica = home.server.replica().await;
    let api = home.server.api().await;
    let other = home.another().await;
    let path = path_of(&other);
    let gone = home.ask(Method::DELETE, &path).await;
    assert_eq!((gone.status, gone.text.as_str()), (StatusCode::NO_CONTENT, ""));
    for base in [&replica.base, &home.server.base] {
        api.at(base).introspect(&other.string("access_token")).await.must_be_inactive();
        home.tv.at(base).refresh(&other.string("refresh_token")).await.must_be_error("invalid_grant");
    }
    home.ask(Method::GET, &path).await.must_be_problem(404, "device_not_found");
    home.ask(Method::DELETE, &path).await.must_be_problem(404, "device_not_found");
    home.ask(Method::POST, &format!("{path}/unlock")).await.must_be_problem(404, "device_not_found");
    assert_eq!(home.listed().await, [id_of(&home.tokens)]);
    assert_eq!(home.ask(Method::GET, "/devices").await.header("x-total-count"), "1");
    assert_eq!(home.server.audited("token_family.revoked", "success").await, 1);
    home.tv.refresh(&home.tokens.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn all_devices_go_but_the_one_that_asks_unless_it_says_so() {
    let home = Home::build().await;
    let bob = home.server.person("bob", &[]).await;
    let of_bob = home.tv.connect(&bob, SCOPES).await;
    let others = [home.another().await, home.another().await];
    assert_eq!(home.ask(Method::DELETE, "/devices").await.status, 204);
    assert_eq!(home.listed().await, [id_of(&home.tokens)]);
    for other in &others {
        home.tv.refresh(&other.string("refresh_token")).await.must_be_error("invalid_grant");
    }
    assert_eq!(home.ask(Method::DELETE, "/devices?including_this=").await.status, 204);
    assert_eq!(home.listed().await, [id_of(&home.tokens)], "a parameter without a value is as good as none");
    assert_eq!(home.ask(Method::DELETE, "/devices?including_this=true").await.status, 204);
    home.ask(Method::GET, "/devices").await.must_be_problem(401, "invalid_token");
    home.tv.refresh(&home.tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    assert_eq!(home.ask_with(Method::GET, "/devices", &of_bob).await.header("x-total-count"), "1");
    assert_eq!(home.server.audited("token_family.revoked", "success").await, 3);
}

/// What a browser says of a request by a script of our own origin.
const BY_OUR_SCRIPT: [(&str, &str); 1] = [("sec-fetch-site", "same-origin")];

/// Asks with Ada's cookie and these headers.
async fn in_browser(home: &Home, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = home.ada.browser().request(method, format!("{}{path}", home.server.base));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request).await
}

#[tokio::test]
async fn a_browser_may_with_its_session_and_its_token() {
    let home = Home::build().await;
    let path = path_of(&home.another().await);
    let list = in_browser(&home, Method::GET, "/devices", &BY_OUR_SCRIPT).await;
    assert_eq!(list.json.as_array().unwrap().len(), 2, "{list:?}");
    assert!(list.json.as_array().unwrap().iter().all(|device| device["current"] == false));
    let token = list.header("x-csrf-token").to_owned();
    assert_eq!(token.len(), 64, "{list:?}");
    let lock = format!("{path}/lock");
    let shown = [("x-csrf-token", token.as_str()), ("sec-fetch-site", "same-origin")];
    let locked = in_browser(&home, Method::POST, &lock, &shown).await;
    assert_eq!(locked.json["status"], "locked", "{locked:?}");
    assert_eq!(locked.header("x-csrf-token"), "");
    assert_eq!(in_browser(&home, Method::DELETE, "/devices", &shown).await.status, 204);
    assert_eq!(in_browser(&home, Method::GET, "/devices", &BY_OUR_SCRIPT).await.json, json!([]));
    assert_eq!(home.ask(Method::GET, "/devices").await.status, 401);
}

#[tokio::test]
async fn a_browser_without_its_token_or_from_elsewhere_changes_nothing() {
    let home = Home::build().await;
    let token =
        in_browser(&home, Method::GET, "/devices", &BY_OUR_SCRIPT).await.header("x-csrf-token").to_owned();
    let stranger = home.server.person("bob", &[]).await;
    stranger.sign_in().await;
    let url = format!("{}/devices", home.server.base);
    let of_stranger = send(stranger.fetch(&url)).await.header("x-csrf-token").to_owned();
    assert_ne!(token, of_stranger);
    for headers in [
        &[][..],
        &[("x-csrf-token", "")],
        &[("x-csrf-token", of_stranger.as_str())],
        &[("x-csrf-token", token.as_str()), ("x-csrf-token", token.as_str())],
        &[("x-csrf-token", token.as_str()), ("sec-fetch-site", "cross-site")],
        &[("x-csrf-token", token.as_str()), ("origin", "https://evil.example")],
    ] {
        for (method, path) in [
            (Method::DELETE, "/devices".to_owned()),
            (Method::DELETE, home.here()),
            (Method::PATCH, home.here()),
            (Method::POST, format!("{}/lock", home.here())),
        ] {
            let answer = in_browser(&home, method, &path, headers).await;
            answer.must_be_problem(403, "csrf_token_mismatch");
        }
    }
    assert_eq!(home.listed().await.len(), 1);
}

#[tokio::test]
async fn an_authorization_header_beats_the_cookie() {
    let home = Home::build().await;
    for value in ["Bearer x", "Basic eDp5", "DPoP x"] {
        let answer = in_browser(&home, Method::GET, "/devices", &[("authorization", value)]).await;
        assert_eq!(answer.status, 401, "{value} {answer:?}");
        assert_eq!(answer.header("x-csrf-token"), "", "{answer:?}");
    }
    home.ada.sign_out().await;
    in_browser(&home, Method::GET, "/devices", &BY_OUR_SCRIPT).await.must_be_problem(401, "unauthenticated");
}
