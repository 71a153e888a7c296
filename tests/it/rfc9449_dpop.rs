//! RFC 9449: what a proof must be, that it is used once, and the server's nonces.

use latchkey::domain::housekeeping::used_jtis;
use latchkey::model::client::AuthMethod;
use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

use crate::support::device::{DEVICE_GRANT, Proof, send};
use crate::support::{Answer, Device, DpopKey, TestServer};

const START: &str = "/oauth/device-authorization";
const TOKEN: &str = "/oauth/token";

/// Asks for codes with these `DPoP` headers.
async fn start_with(device: &Device, proofs: &[&str]) -> Answer {
    let request = device.request(START).form(&[("client_id", &device.client_id)]);
    send(proofs.iter().fold(request, |request, proof| request.header("dpop", *proof))).await
}

/// Polls with this `DPoP` header.
async fn poll_with(device: &Device, device_code: &str, proof: &str) -> Answer {
    let form = [
        ("client_id", device.client_id.as_str()),
        ("grant_type", DEVICE_GRANT),
        ("device_code", device_code),
    ];
    send(device.request(TOKEN).header("dpop", proof).form(&form)).await
}

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
async fn a_proof_by_each_announced_algorithm_is_accepted() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let metadata = server.get("/.well-known/oauth-authorization-server").await.json;
    let announced = metadata["dpop_signing_alg_values_supported"].as_array().expect("a list").clone();
    assert!(announced.contains(&json!("ES256")) && announced.len() == 4, "{announced:?}");
    for name in announced {
        let algorithm = SigningAlgorithm::parse_presented(name.as_str().unwrap()).expect("a known algorithm");
        let key = DpopKey::of(&server, &server.base, algorithm);
        let mut header = key.header();
        header["alg"] = name.clone();
        let answer = start_with(&tv, &[&key.sign(&header, &key.claims(START))]).await;
        assert_eq!(answer.status, 200, "{name} {answer:?}");
        assert_eq!(answer.header("dpop-nonce"), "");
        let code = answer.string("device_code");
        let poll = poll_with(&tv, &code, &key.sign(&header, &key.claims(TOKEN))).await;
        poll.must_be_error("authorization_pending");
    }
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

#[tokio::test]
async fn every_public_spelling_of_the_endpoint_is_the_endpoint() {
    let server =
        TestServer::with(|config| config.server.public_url = "https://login.example.org/".parse().ok()).await;
    let tv = server.tv().await;
    let (acme, acme_base) = server.tenant("acme").await;
    let acme_tv = server.client_of(acme, &acme_base, "tv", "openid", |_| ()).await;
    let key = DpopKey::of(&server, "https://login.example.org", SigningAlgorithm::EdDsa);
    let paths = [
        "/oauth/device-authorization",
        "/oauth/device_authorization",
        "/api/v1/oauth/device-authorization",
        "/api/v1/oauth/device_authorization/",
    ];
    for sent_to in paths {
        for named in paths {
            let request = tv.request(sent_to).header("host", "evil.example");
            let request = request.header("x-forwarded-host", "evil.example");
            let request = request.header("dpop", key.proof(named)).form(&[("client_id", "tv")]);
            let answer = send(request).await;
            assert_eq!(answer.status, 200, "{sent_to} {named} {answer:?}");
        }
    }
    for named in [format!("{}{START}", server.base), format!("https://evil.example{START}")] {
        let proof = key.proof_with(START, |claims| claims["htu"] = json!(named));
        start_with(&tv, &[&proof]).await.must_be_error("invalid_dpop_proof");
    }
    // One tenant's endpoint is not another's.
    start_with(&acme_tv, &[&key.proof(START)]).await.must_be_error("invalid_dpop_proof");
    start_with(&tv, &[&key.proof(&format!("/t/acme{START}"))]).await.must_be_error("invalid_dpop_proof");
    assert_eq!(start_with(&acme_tv, &[&key.proof(&format!("/t/acme{START}"))]).await.status, 200);
}

#[tokio::test]
async fn a_proof_is_good_for_a_minute_either_way() {
    let server = TestServer::start().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    for (seconds, accepted) in [(-62, false), (-59, true), (0, true), (59, true), (62, false)] {
        let now = server.clock.now().timestamp();
        let proof = key.proof_with(START, |claims| claims["iat"] = json!(now + seconds));
        assert_eq!(start_with(&tv, &[&proof]).await.status == 200, accepted, "{seconds}");
    }
    let exact = key.proof_with(START, |claims| claims["iat"] = json!(claims["iat"].as_f64().unwrap() + 0.5));
    assert_eq!(start_with(&tv, &[&exact]).await.status, 200);
}

#[tokio::test]
async fn a_proof_is_used_once_on_all_servers() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let proof = key.proof(START);
    assert_eq!(start_with(&tv, &[&proof]).await.status, 200);
    start_with(&tv, &[&proof]).await.must_be_error("invalid_dpop_proof");
    start_with(&tv.at(&replica.base), &[&proof]).await.must_be_error("invalid_dpop_proof");
    // It is the name that is used up, whatever else the proof says.
    let mut claims = key.claims(START);
    claims["jti"] = json!("one");
    assert_eq!(start_with(&tv, &[&key.sign(&key.header(), &claims)]).await.status, 200);
    claims["iat"] = json!(claims["iat"].as_i64().unwrap() + 40);
    start_with(&tv, &[&key.sign(&key.header(), &claims)]).await.must_be_error("invalid_dpop_proof");
    // Another key may use the same name.
    let other = DpopKey::new(&server);
    assert_eq!(start_with(&tv, &[&other.sign(&other.header(), &claims)]).await.status, 200);
}

#[tokio::test]
async fn names_of_proofs_are_forgotten_when_they_are_too_old_to_come_again() {
    let server = TestServer::start().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let proof = key.proof(START);
    assert_eq!(start_with(&tv, &[&proof]).await.status, 200);
    assert_eq!(server.count("SELECT count(*) FROM used_jtis").await, 1);
    server.clock.advance(60.0);
    assert_eq!(used_jtis::CHORE.clear_batch(&server.app).await.unwrap(), 0);
    start_with(&tv, &[&proof]).await.must_be_error("invalid_dpop_proof");
    server.clock.advance(61.0);
    assert_eq!(used_jtis::CHORE.clear_batch(&server.app).await.unwrap(), 1);
    start_with(&tv, &[&proof]).await.must_be_error("invalid_dpop_proof");
    assert_eq!(server.count("SELECT count(*) FROM used_jtis").await, 0);
}

#[tokio::test]
async fn a_pending_poll_with_a_proof_needs_no_database() {
    let server = TestServer::hearing().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let tv = tv.with_key(&key);
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.app.db.close().await;
    server.clock.advance(6.0);
    let proof = key.proof(TOKEN);
    poll_with(&tv, &started.device_code, &proof).await.must_be_error("authorization_pending");
    server.clock.advance(6.0);
    poll_with(&tv, &started.device_code, &proof).await.must_be_error("invalid_dpop_proof");
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn a_pending_poll_that_comes_again_elsewhere_learns_nothing() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let tv = tv.with_key(&key);
    let started = tv.start("openid").await;
    let proof = key.proof(TOKEN);
    poll_with(&tv, &started.device_code, &proof).await.must_be_error("authorization_pending");
    server.clock.advance(6.0);
    let elsewhere = tv.at(&replica.base);
    let again = poll_with(&elsewhere, &started.device_code, &proof).await;
    assert!(["authorization_pending", "slow_down"].contains(&again.error()), "{again:?}");
    poll_with(&elsewhere, &started.device_code, &proof).await.must_be_error("invalid_dpop_proof");
}

#[tokio::test]
async fn where_memory_is_full_the_database_remembers_every_proof() {
    let server = TestServer::with(|config| config.dpop.remembered_proofs = 0).await;
    let replica = server.replica().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let started = tv.with_key(&key).start("openid").await;
    let proof = key.proof(TOKEN);
    poll_with(&tv, &started.device_code, &proof).await.must_be_error("authorization_pending");
    server.clock.advance(6.0);
    for device in [&tv, &tv.at(&replica.base)] {
        poll_with(device, &started.device_code, &proof).await.must_be_error("invalid_dpop_proof");
    }
}

#[tokio::test]
async fn a_client_of_bound_tokens_must_prove_a_key_to_get_any() {
    let server = TestServer::start().await;
    let tv =
        server.client("tv", "openid offline_access", |client| client.dpop_bound_access_tokens = true).await;
    let key = DpopKey::new(&server);
    // RFC 9449 §5.2 speaks of token requests, and client libraries send no proof before.
    let started = tv.start("openid").await;
    for parameters in [
        &[("grant_type", DEVICE_GRANT), ("device_code", &started.device_code)][..],
        &[("grant_type", "refresh_token"), ("refresh_token", "x")],
    ] {
        tv.token(parameters).await.must_be_error("invalid_dpop_proof");
    }
    tv.with_key(&key).poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn a_client_that_is_not_who_it_says_uses_up_no_proof() {
    let server = TestServer::start().await;
    let kiosk =
        server.client("kiosk", "openid", |client| client.auth_method = AuthMethod::ClientSecretBasic).await;
    let Proof::Basic(secret) = &kiosk.proof else { panic!("the client has a secret") };
    let proof = DpopKey::new(&server).proof(START);
    let ask = |secret: String| {
        let request = kiosk.request(START).basic_auth("kiosk", Some(secret)).header("dpop", &proof);
        send(request.form(&[("scope", "openid")]))
    };
    ask("wrong".to_owned()).await.must_be_error("invalid_client");
    assert_eq!(ask(secret.clone()).await.status, 200);
}

#[tokio::test]
async fn where_nonces_are_demanded_a_client_is_sent_back_once() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let refused = start_with(&tv, &[&key.proof(START)]).await;
    refused.must_be_error("use_dpop_nonce");
    assert_eq!(server.count("SELECT count(*) FROM used_jtis").await, 0);
    let nonce = refused.header("dpop-nonce").to_owned();
    assert!(nonce.len() >= 22, "{nonce:?}");
    let with = |nonce: &str, path: &str| key.proof_with(path, |claims| claims["nonce"] = json!(nonce));
    let started = start_with(&tv, &[&with(&nonce, START)]).await;
    assert_eq!(started.status, 200, "{started:?}");
    // Every answer brings the next nonce, good or bad.
    assert_eq!(started.header("dpop-nonce"), nonce);
    let code = started.string("device_code");
    let poll = poll_with(&tv, &code, &with(&nonce, TOKEN)).await;
    poll.must_be_error("authorization_pending");
    assert_eq!(poll.header("dpop-nonce"), nonce);
    for wrong in ["", "x", &nonce[1..], &format!("{nonce}x"), &nonce.to_uppercase()] {
        let refused = poll_with(&tv, &code, &with(wrong, TOKEN)).await;
        refused.must_be_error("use_dpop_nonce");
        assert_eq!(refused.header("dpop-nonce"), nonce);
    }
    let number = key.proof_with(TOKEN, |claims| claims["nonce"] = json!(1));
    poll_with(&tv, &code, &number).await.must_be_error("use_dpop_nonce");
    // A nonce does not make up for anything else.
    let wrong_method = key.proof_with(TOKEN, |claims| {
        claims["nonce"] = json!(nonce);
        claims["htm"] = json!("GET");
    });
    poll_with(&tv, &code, &wrong_method).await.must_be_error("invalid_dpop_proof");
    // Who shows no proof needs no nonce.
    assert_eq!(start_with(&tv, &[]).await.status, 200);
}

#[tokio::test]
async fn a_nonce_of_one_server_is_good_at_the_other_until_its_time_is_over() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let replica = server.replica().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let elsewhere = tv.at(&replica.base);
    let nonce = start_with(&tv, &[&key.proof(START)]).await.header("dpop-nonce").to_owned();
    let try_at = async |device: &Device, nonce: &str| {
        start_with(device, &[&key.proof_with(START, |claims| claims["nonce"] = json!(nonce))]).await
    };
    assert_eq!(try_at(&elsewhere, &nonce).await.status, 200);
    // Into the next span, wherever in this one we were.
    server.clock.advance(180.0);
    let answer = try_at(&elsewhere, &nonce).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let next = answer.header("dpop-nonce").to_owned();
    assert_ne!(next, nonce);
    server.clock.advance(180.0);
    try_at(&tv, &nonce).await.must_be_error("use_dpop_nonce");
    assert_eq!(try_at(&tv, &next).await.status, 200);
    // A server whose clock is behind takes what one that is ahead has handed out.
    server.clock.advance(-360.0);
    assert_eq!(try_at(&tv, &next).await.status, 200);
}

#[tokio::test]
async fn one_tenants_nonce_is_not_anothers() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let (tv, (acme, base)) = (server.tv().await, server.tenant("acme").await);
    let acme_tv = server.client_of(acme, &base, "tv", "openid", |_| ()).await;
    let key = DpopKey::new(&server);
    let nonce = start_with(&tv, &[]).await.header("dpop-nonce").to_owned();
    let proof = key.proof_with(&format!("/t/acme{START}"), |claims| claims["nonce"] = json!(nonce));
    let refused = start_with(&acme_tv, &[&proof]).await;
    refused.must_be_error("use_dpop_nonce");
    assert_ne!(refused.header("dpop-nonce"), nonce);
}

#[tokio::test]
async fn scripts_in_browsers_can_read_the_nonce() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let request = tv.request(START).header("origin", "https://tv.example").header("dpop", key.proof(START));
    let answer = send(request.form(&[("client_id", "tv")])).await;
    answer.must_be_error("use_dpop_nonce");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-expose-headers").contains("dpop-nonce"), "{answer:?}");
}
