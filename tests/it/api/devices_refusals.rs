//! A person's devices: what is refused, and how.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{Home, SCOPES, id_of, path_of};
use crate::support::device::send;
use crate::support::{Answer, DpopKey};

/// Every endpoint, for this device.
fn endpoints(device: &str) -> Vec<(Method, String)> {
    vec![
        (Method::GET, "/devices".to_owned()),
        (Method::DELETE, "/devices".to_owned()),
        (Method::GET, device.to_owned()),
        (Method::PATCH, device.to_owned()),
        (Method::PUT, device.to_owned()),
        (Method::DELETE, device.to_owned()),
        (Method::POST, format!("{device}/lock")),
        (Method::POST, format!("{device}/unlock")),
    ]
}

#[tokio::test]
async fn nobody_is_answered_without_saying_who_asks() {
    let home = Home::build().await;
    for (method, path) in endpoints(&home.here()) {
        let url = format!("{}{path}", home.server.base);
        let answer = send(home.server.http.request(method.clone(), &url).json(&json!({}))).await;
        answer.must_be_problem(401, "unauthenticated");
        let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges[0], r#"Bearer realm="latchkey""#);
        assert!(challenges[1].to_str().unwrap().starts_with("DPoP algs="), "{challenges:?}");
        let basic = send(home.server.http.request(method.clone(), &url).basic_auth("tv", Some("x"))).await;
        basic.must_be_problem(401, "unauthenticated");
        let wrong = send(home.server.http.request(method, &url).bearer_auth("x").json(&json!({}))).await;
        wrong.must_be_problem(401, "invalid_token");
        assert!(wrong.header("www-authenticate").contains("error=\"invalid_token\""), "{wrong:?}");
    }
    assert_eq!(home.listed().await.len(), 1);
}

#[tokio::test]
async fn a_token_without_the_scope_may_not() {
    let home = Home::build().await;
    let narrow = home.tv.connect(&home.ada, "openid offline_access").await;
    for (method, path) in endpoints(&home.here()) {
        let answer = home.ask_with(method, &path, &narrow).await;
        answer.must_be_problem(403, "insufficient_scope");
        assert!(answer.header("www-authenticate").contains("scope=\"devices\""), "{answer:?}");
    }
}

#[tokio::test]
async fn a_bound_token_needs_the_proof_of_its_key() {
    let home = Home::build().await;
    let key = DpopKey::new(&home.server);
    let bound = home.tv.with_key(&key).connect_bound(&home.ada, SCOPES).await;
    let token = bound.string("access_token");
    home.ask_with(Method::GET, "/devices", &bound).await.must_be_problem(401, "invalid_token");
    let ath = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
    let proof = key.proof_with("/api/v1/devices", |claims| {
        claims["htm"] = json!("GET");
        claims["ath"] = json!(ath);
    });
    let url = format!("{}/api/v1/devices", home.server.base);
    let request = || home.server.http.get(&url).header("authorization", format!("DPoP {token}"));
    let answer = send(request().header("dpop", &proof)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let replayed = send(request().header("dpop", &proof)).await;
    replayed.must_be_problem(401, "invalid_dpop_proof");
    assert!(replayed.header("www-authenticate").starts_with("DPoP error="), "{replayed:?}");
    send(request()).await.must_be_problem(401, "invalid_dpop_proof");
}

#[tokio::test]
async fn what_is_anothers_looks_like_nothing() {
    let home = Home::build().await;
    let bob = home.server.person("bob", &[]).await;
    let of_bob = home.tv.connect(&bob, SCOPES).await;
    let (acme, base) = home.server.tenant("acme").await;
    let tv = home.server.client_of(acme, &base, "tv", SCOPES, |_| ()).await;
    let eve = home.server.person_of(acme, &base, "eve", &[]).await;
    let of_eve = tv.connect(&eve, SCOPES).await;
    let nobody = format!("/devices/{}", Uuid::from_u128(7));
    let before = home.server.rows().await;
    let mut told = Vec::new();
    for device in [
        path_of(&of_bob),
        path_of(&of_eve),
        nobody,
        "/devices/BDJW-DSXQ".to_owned(),
        "/devices/%00".to_owned(),
    ] {
        for (method, path) in endpoints(&device).into_iter().filter(|(_, path)| path != "/devices") {
            let answer = home.tell(method, &path, &json!({"name": "mine"})).await;
            answer.must_be_problem(404, "device_not_found");
            told.push((answer.json["detail"].clone(), answer.json["suggested"].clone()));
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "all in the same words: {told:?}");
    let after = home.server.rows().await;
    assert_eq!(before["devices"], after["devices"]);
    let elsewhere = home.ask(Method::GET, "/t/acme/devices").await;
    elsewhere.must_be_problem(401, "invalid_token");
    let whole = home.ask_with(Method::GET, "/devices", &of_bob).await;
    assert_eq!(whole.json.as_array().unwrap().len(), 1, "{whole:?}");
}

#[tokio::test]
async fn a_code_that_another_has_approved_or_open_looks_like_nothing() {
    let home = Home::build().await;
    let bob = home.server.person("bob", &[]).await;
    let (approved, open) = (home.tv.start(SCOPES).await, home.tv.start(SCOPES).await);
    bob.approve(&approved.user_code).await;
    bob.open(&open.user_code).await;
    for code in [approved.user_code, open.user_code] {
        let answer = home.ask(Method::GET, &format!("/devices/{code}")).await;
        answer.must_be_problem(404, "device_not_found");
    }
}

#[tokio::test]
async fn guessed_codes_are_counted_as_if_they_were_entered() {
    let home = Home::build().await;
    for _ in 0..5 {
        home.ask(Method::GET, "/devices/BDJW-DSXQ").await.must_be_problem(404, "device_not_found");
    }
    let waiting = home.tv.start(SCOPES).await.user_code;
    let limited = home.ask(Method::GET, &format!("/devices/{waiting}")).await;
    limited.must_be_problem(429, "too_many_requests");
    assert!(limited.header("retry-after").parse::<u32>().unwrap() > 0, "{limited:?}");
    assert_eq!(home.server.audited("user_code.entered", "refused").await, 6);
    assert_eq!(home.ask(Method::GET, &home.here()).await.status, 200, "identifiers are no guesses");
}

#[tokio::test]
async fn a_device_cannot_change_what_was_approved() {
    let home = Home::build().await;
    for (member, value) in [
        ("os", json!("x")),
        ("hostname", json!("x")),
        ("client_version", json!("x")),
        ("trusted", json!(true)),
        ("status", json!("active")),
        ("user_id", json!(Uuid::from_u128(1))),
        ("expires_at", json!("2099-01-01T00:00:00Z")),
    ] {
        for method in [Method::PATCH, Method::PUT] {
            let answer = home.tell(method, &home.here(), &json!({"name": "x", member: value})).await;
            answer.must_name(member);
        }
    }
    assert_eq!(home.server.audited("device.changed", "success").await, 0);
}

#[tokio::test]
async fn names_and_metadata_have_their_bounds() {
    let home = Home::build().await;
    let here = home.here();
    let alike = json!("P\u{430}ypal");
    for name in [
        json!("x".repeat(129)),
        json!("a\u{202e}b"),
        json!("a\nb"),
        json!("a\u{0}b"),
        alike,
        json!(7),
        json!(["x"]),
    ] {
        home.tell(Method::PATCH, &here, &json!({"name": name})).await.must_name("name");
    }
    for metadata in [json!([]), json!("x"), json!({"a": "x".repeat(4096)}), json!({"a": {"b\u{0}": 1}})] {
        home.tell(Method::PATCH, &here, &json!({"metadata": metadata})).await.must_name("metadata");
    }
    for good in [json!({"name": "x".repeat(128)}), json!({"metadata": {"a": "x".repeat(4088)}})] {
        assert_eq!(home.tell(Method::PATCH, &here, &good).await.status, 200, "{good}");
    }
}

#[tokio::test]
async fn a_body_is_one_json_object_of_bounded_size() {
    let home = Home::build().await;
    let send_as = async |media_type: &str, body: String| -> Answer {
        let request = home.server.http.patch(format!("{}{}", home.server.base, home.here()));
        let request = request.bearer_auth(home.tokens.string("access_token"));
        send(request.header("content-type", media_type).body(body)).await
    };
    let json = "application/json";
    for bad in ["", "[]", "null", "{", "{\"name\":\"a\",\"name\":\"b\"}", "{\"metadata\":{\"a\":1,\"a\":1}}"]
    {
        send_as(json, bad.to_owned()).await.must_be_problem(400, "malformed_json");
    }
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/merge-patch", ""] {
        send_as(other, "{}".to_owned()).await.must_be_problem(415, "unsupported_media_type");
    }
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20));
    send_as(json, large).await.must_be_problem(413, "too_large");
    assert_eq!(send_as("application/json; charset=utf-8", "{}".to_owned()).await.status, 200);
}

#[tokio::test]
async fn parameters_out_of_bounds_are_named() {
    let home = Home::build().await;
    for (query, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999999", "offset"),
    ] {
        home.ask(Method::GET, &format!("/devices?{query}")).await.must_name(name);
    }
    home.ask(Method::DELETE, "/devices?including_this=yes").await.must_name("including_this");
    home.ask(Method::GET, "/devices?limit=1&limit=2").await.must_be_problem(400, "invalid_request");
}

#[tokio::test]
async fn a_change_meant_for_another_version_is_refused() {
    let home = Home::build().await;
    let other = home.another().await;
    let (path, token) = (path_of(&other), home.tokens.string("access_token"));
    let with = async |method: Method, path: String, tag: &str| -> Answer {
        let request = home.server.http.request(method, format!("{}{path}", home.server.base));
        send(request.bearer_auth(&token).header("if-match", tag).json(&json!({"name": tag}))).await
    };
    for tag in ["\"2\"", "W/\"1\"", "\"x\"", ""] {
        for (method, path) in
            endpoints(&path).into_iter().filter(|(method, path)| *method != Method::GET && path != "/devices")
        {
            with(method, path, tag).await.must_be_problem(412, "stale");
        }
    }
    assert_eq!(with(Method::PATCH, path.clone(), "\"1\"").await.header("etag"), "\"2\"");
    assert_eq!(with(Method::PATCH, path.clone(), "*").await.header("etag"), "\"3\"");
    assert_eq!(with(Method::POST, format!("{path}/lock"), "\"1\", \"3\"").await.header("etag"), "\"4\"");
    assert_eq!(with(Method::DELETE, path, "\"4\"").await.status, 204);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_as_well() {
    let home = Home::build().await;
    for path in
        ["/devices/x/y", "/api/v1/devices/a/b", "/t/acme/devices", "/admin/nothing", "/account/oauth/nothing"]
    {
        assert_eq!(home.ask(Method::GET, path).await.must_be_problem(404, "not_found").status, 404);
    }
    let unknown = home.ask(Method::POST, "/devices").await;
    unknown.must_be_problem(405, "method_not_allowed");
    assert!(unknown.header("allow").contains("GET"), "{unknown:?}");
    assert_eq!(home.server.get("/nothing").await.header("content-type"), "text/html; charset=utf-8");
    assert!(!id_of(&home.tokens).is_empty());
}
