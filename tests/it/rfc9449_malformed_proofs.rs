//! RFC 9449 §4.3: what is no proof, and changes nothing.

use serde_json::{Value, json};

use crate::support::device::send;
use crate::support::dpop::{poll_with, start_with};
use crate::support::{DpopKey, TestServer};

const START: &str = "/oauth/device-authorization";
const TOKEN: &str = "/oauth/token";

/// What is wrong, and a proof for a path that has it.
fn bad_proofs(server: &TestServer, path: &str) -> Vec<(String, String)> {
    let key = DpopKey::new(server);
    let other = DpopKey::new(server);
    let mut bad = Vec::new();
    let mut claim = |name: &str, value: Value| {
        bad.push((format!("claim {name} {value}"), key.proof_with(path, |claims| claims[name] = value)));
    };
    let now = server.clock.now().timestamp();
    for (name, value) in [
        ("jti", json!(null)),
        ("jti", json!(1)),
        ("jti", json!("")),
        ("jti", json!("x".repeat(257))),
        ("htm", json!(null)),
        ("htm", json!("GET")),
        ("htm", json!("post")),
        ("htm", json!(["POST"])),
        ("htu", json!(null)),
        ("htu", json!("")),
        ("htu", json!(path)),
        ("htu", json!(server.base)),
        ("htu", json!(format!("{}/t/acme{path}", server.base))),
        ("htu", json!(format!("https://evil.example{path}"))),
        ("htu", json!(format!("{}/oauth/userinfo", server.base))),
        ("htu", json!([format!("{}{path}", server.base)])),
        ("iat", json!(null)),
        ("iat", json!(now.to_string())),
        ("iat", json!(now - 62)),
        ("iat", json!(now + 62)),
        ("iat", json!(now * 1_000)),
        ("iat", json!(0)),
        ("iat", json!(i64::MIN)),
        ("iat", json!(u64::MAX)),
        ("iat", json!(1e300)),
    ] {
        claim(name, value);
    }
    let mut header = |name: &str, value: Value| {
        let mut header = key.header();
        header[name] = value.clone();
        bad.push((format!("header {name} {value}"), key.sign(&header, &key.claims(path))));
    };
    let symmetric = json!({"kty": "oct", "k": "AAAA"});
    let mut private = key.header()["jwk"].clone();
    private["d"] = json!("AAAA");
    let mut for_encryption = key.header()["jwk"].clone();
    for_encryption["use"] = json!("enc");
    for (name, value) in [
        ("typ", json!(null)),
        ("typ", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("typ", json!("DPOP+JWT")),
        ("alg", json!(null)),
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES384")),
        ("crit", json!(["exp"])),
        ("jwk", json!(null)),
        ("jwk", json!("key")),
        ("jwk", json!({})),
        ("jwk", symmetric),
        ("jwk", private),
        ("jwk", for_encryption),
        ("jwk", other.header()["jwk"].clone()),
    ] {
        header(name, value);
    }
    let good = key.proof(path);
    let (signed, signature) = good.rsplit_once('.').expect("a signature");
    let (head, claims) = (key.header().to_string(), key.claims(path).to_string());
    let mut other_text = |what: &str, proof: String| bad.push((what.to_owned(), proof));
    other_text("nothing", String::new());
    other_text("no token", "x".to_owned());
    other_text("no signature", format!("{signed}."));
    other_text("a short signature", format!("{signed}.{}", &signature[..40]));
    other_text("padding", format!("{good}=="));
    other_text("two in one header", format!("{good}, {}", key.proof(path)));
    other_text("the same twice in one header", format!("{good},{good}"));
    other_text(
        "another token's signature",
        format!("{signed}.{}", key.proof(path).rsplit('.').next().expect("a signature")),
    );
    other_text("repeated members", key.sign_text(&head, &claims.replacen('{', "{\"htm\":\"POST\",", 1)));
    other_text("claims that are no object", key.sign_text(&head, "[]"));
    other_text("no JSON", key.sign_text(&head, "{"));
    other_text("9 KB", key.proof_with(path, |claims| claims["x"] = json!("x".repeat(9_000))));
    bad
}

#[tokio::test]
async fn a_proof_that_does_not_hold_is_refused_and_changes_nothing() {
    let server = TestServer::with(|config| config.rate_limits.enabled = false).await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let before = server.rows().await;
    for (what, proof) in bad_proofs(&server, START) {
        let answer = start_with(&tv, &[&proof]).await;
        assert_eq!(answer.error(), "invalid_dpop_proof", "{what} {answer:?}");
        answer.must_be_error("invalid_dpop_proof");
    }
    for (what, proof) in bad_proofs(&server, TOKEN) {
        let answer = poll_with(&tv, &started.device_code, &proof).await;
        assert_eq!(answer.error(), "invalid_dpop_proof", "{what} {answer:?}");
    }
    assert_eq!(server.rows().await, before);
    assert!(server.app.recent_proofs.is_empty());
    // None of them was a poll.
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn there_is_exactly_one_header() {
    let server = TestServer::start().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let (first, second) = (key.proof(START), key.proof(START));
    start_with(&tv, &[&first, &second]).await.must_be_error("invalid_dpop_proof");
    start_with(&tv, &[&first, &first]).await.must_be_error("invalid_dpop_proof");
    start_with(&tv, &[&first, ""]).await.must_be_error("invalid_dpop_proof");
    let unreadable = tv.request(START).header("dpop", &b"\xff"[..]).form(&[("client_id", "tv")]);
    send(unreadable).await.must_be_error("invalid_dpop_proof");
    assert_eq!(start_with(&tv, &[&first]).await.status, 200);
    let endless =
        format!("POST {START} HTTP/1.1\r\nHost: localhost\r\nDPoP: {}\r\n\r\n", "x".repeat(1 << 20));
    assert!(server.raw(endless).await.starts_with("HTTP/1.1 431"));
}
