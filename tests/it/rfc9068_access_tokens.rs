//! RFC 9068: access tokens are JWTs.

use std::collections::BTreeSet;

use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::Value;

use crate::support::{Answer, TestServer, jwt};

/// The claims of an answer's access token, verified.
async fn claims(server: &TestServer, tokens: &Answer) -> Value {
    let (header, claims) = jwt::verify(server, &server.base, &tokens.string("access_token")).await;
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    claims
}

#[tokio::test]
async fn an_access_token_says_who_for_whom_for_what_and_how_long() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let signed_in_at = server.clock.now().timestamp();
    let started = tv.start("openid profile email").await;
    ada.approve(&started.user_code).await;
    server.clock.advance(30.0);
    let tokens = tv.poll(&started).await;
    let claims = claims(&server, &tokens).await;
    let now = server.clock.now().timestamp();
    // RFC 9068 §2.2
    assert_eq!(claims["iss"], server.base.as_str());
    assert_eq!(claims["sub"], server.user_id("ada").await.to_string());
    assert_eq!(claims["client_id"], "tv");
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["exp"], now + 600);
    assert_eq!(tokens.json["expires_in"], 600);
    assert_eq!(claims["scope"], tokens.string("scope"));
    assert_eq!(claims["auth_time"], signed_in_at);
    assert_eq!(claims["amr"], serde_json::json!(["pwd"]));
    assert!(claims["jti"].is_string());
    // Nothing about the person beyond need (RFC 9068 §6).
    for member in ["name", "email", "preferred_username"] {
        assert!(claims.get(member).is_none(), "{claims}");
    }
}

#[tokio::test]
async fn an_access_token_is_for_the_api_and_an_id_token_for_the_client() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, "openid").await;
    let claims = claims(&server, &tokens).await;
    // RFC 9068 §3: neither the issuer nor a client, so that neither token passes for the other.
    assert_eq!(claims["aud"], format!("{}/api", server.base));
    let (header, id_claims) = jwt::verify(&server, &server.base, &tokens.string("id_token")).await;
    assert_ne!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(id_claims["aud"], "tv");
    assert!(id_claims.get("scope").is_none() && id_claims.get("client_id").is_none());
}

#[tokio::test]
async fn the_audience_and_the_lifetime_are_as_set() {
    let server = TestServer::with(|config| {
        config.tokens.default_audience = Some("https://api.example.org/".to_owned());
        config.tokens.access_lifetime_seconds = 90;
    })
    .await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, "openid offline_access").await;
    for tokens in [&tokens, &tv.refresh(&tokens.string("refresh_token")).await] {
        let claims = claims(&server, tokens).await;
        assert_eq!(claims["aud"], "https://api.example.org/");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 90);
        assert_eq!(tokens.json["expires_in"], 90);
    }
}

#[tokio::test]
async fn no_two_access_tokens_have_the_same_name() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let mut tokens = tv.connect(&ada, "openid offline_access").await;
    let mut names = BTreeSet::new();
    for _ in 0..5 {
        names.insert(claims(&server, &tokens).await["jti"].to_string());
        tokens = tv.refresh(&tokens.string("refresh_token")).await;
    }
    assert_eq!(names.len(), 5);
}

#[tokio::test]
async fn a_client_chooses_the_algorithm_and_otherwise_the_server_does() {
    let server = TestServer::with(|config| config.tokens.signing_algorithm = SigningAlgorithm::Rs256).await;
    let ada = server.ada().await;
    let undecided = server.public_client("undecided", "openid").await;
    let decided = async |id: &str, choice: SigningAlgorithm| {
        server.client(id, "openid", |client| client.signing_algorithm = Some(choice)).await
    };
    for (device, algorithm) in [
        (undecided, jsonwebtoken::Algorithm::RS256),
        (decided("p256", SigningAlgorithm::Es256).await, jsonwebtoken::Algorithm::ES256),
        (decided("ed25519", SigningAlgorithm::EdDsa).await, jsonwebtoken::Algorithm::EdDSA),
    ] {
        let tokens = device.connect(&ada, "openid").await;
        for token in ["access_token", "id_token"] {
            let (header, _) = jwt::verify(&server, &server.base, &tokens.string(token)).await;
            assert_eq!(header.alg, algorithm, "{token}");
        }
    }
}

#[tokio::test]
async fn a_refreshed_token_tells_of_the_same_sign_in_and_device() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = tv.connect(&ada, "openid offline_access").await;
    server.clock.advance(86_400.0);
    let second = tv.refresh(&first.string("refresh_token")).await;
    let (first, second) = (claims(&server, &first).await, claims(&server, &second).await);
    for same in ["iss", "sub", "aud", "client_id", "auth_time", "amr", "device_id"] {
        assert_eq!(first[same], second[same], "{same}");
    }
    assert_eq!(second["iat"].as_i64().unwrap() - first["iat"].as_i64().unwrap(), 86_400);
}

#[tokio::test]
async fn a_changed_token_does_not_verify() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, "openid").await.string("access_token");
    let keys: jsonwebtoken::jwk::JwkSet =
        serde_json::from_value(server.get("/oauth/jwks").await.json).expect("a key set");
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::ES256);
    validation.validate_aud = false;
    validation.validate_exp = false;
    let verifies = |text: &str| jsonwebtoken::decode::<Value>(text, &key, &validation).is_ok();
    assert!(verifies(&token));
    let payload = token.find('.').unwrap() + 1;
    for at in (payload..token.len() - 1).step_by(17).filter(|at| token.as_bytes()[*at] != b'.') {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(!verifies(&String::from_utf8(changed).unwrap()), "at {at}");
    }
}
