//! RFC 9449 §4.3, §5.1, §5.2: proofs that hold, for which endpoint and when, and who needs one.

use latchkey::model::client::AuthMethod;
use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::json;

use crate::support::device::{DEVICE_GRANT, Proof, send};
use crate::support::dpop::{poll_with, start_with};
use crate::support::{DpopKey, TestServer};

const START: &str = "/oauth/device-authorization";
const TOKEN: &str = "/oauth/token";

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
