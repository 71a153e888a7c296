//! OpenID Connect Core §2: ID tokens.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::model::client::Client;
use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};

use crate::support::{Answer, Device, TestServer, jwt};

async fn claims(server: &TestServer, tokens: &Answer) -> Value {
    jwt::verify(server, &server.base, &tokens.string("id_token")).await.1
}

#[tokio::test]
async fn an_id_token_comes_when_openid_was_granted_and_not_otherwise() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    assert!(tv.connect(&ada, "openid").await.json["id_token"].is_string());
    assert!(tv.connect(&ada, "profile email").await.json.get("id_token").is_none());
}

#[tokio::test]
async fn an_id_token_has_what_the_specification_requires() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let signed_in_at = server.clock.now().timestamp();
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    server.clock.advance(45.0);
    let tokens = tv.poll(&started).await;
    let claims = claims(&server, &tokens).await;
    let now = server.clock.now().timestamp();
    assert_eq!(claims["iss"], server.base.as_str());
    assert_eq!(claims["sub"], server.user_id("ada").await.to_string());
    assert_eq!(claims["aud"], "tv");
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["exp"], now + 300);
    assert_eq!(claims["auth_time"], signed_in_at);
    assert_eq!(claims["amr"], json!(["pwd"]));
    let subject = claims["sub"].as_str().unwrap();
    assert!(subject.is_ascii() && subject.len() <= 255);
    assert!(claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()));
    // No request carried a nonce, so none comes back.
    assert!(claims.get("nonce").is_none());
}

#[tokio::test]
async fn a_nonce_comes_back_in_the_id_token_of_its_code_alone() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    // Without `offline_access` the tokens are issued on another path.
    for scope in ["openid offline_access", "openid"] {
        for nonce in ["n-0S6_WzA2Mj", &"ü".repeat(512)] {
            let codes = tv.ask(&[("scope", scope), ("nonce", nonce)]).await;
            ada.approve(&codes.string("user_code")).await;
            let tokens = tv.poll_code(&codes.string("device_code"), &[]).await;
            assert_eq!(claims(&server, &tokens).await["nonce"], nonce, "{scope}");
            if scope.contains("offline_access") {
                let refreshed = tv.refresh(&tokens.string("refresh_token")).await;
                assert!(claims(&server, &refreshed).await.get("nonce").is_none());
            }
        }
    }
    tv.ask(&[("nonce", &"n".repeat(513))]).await.must_be_error("invalid_request");
    let empty = tv.ask(&[("scope", "openid"), ("nonce", "")]).await;
    ada.approve(&empty.string("user_code")).await;
    let tokens = tv.poll_code(&empty.string("device_code"), &[]).await;
    assert!(claims(&server, &tokens).await.get("nonce").is_none());
}

#[tokio::test]
async fn every_id_token_has_a_name_of_its_own() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = tv.connect(&ada, "openid offline_access").await;
    let second = tv.refresh(&first.string("refresh_token")).await;
    let access = jwt::verify(&server, &server.base, &first.string("access_token")).await.1;
    let (first, second) = (claims(&server, &first).await, claims(&server, &second).await);
    assert!(first["jti"] != second["jti"] && first["jti"] != access["jti"], "{first} {second} {access}");
}

#[tokio::test]
async fn an_id_token_is_signed_with_rs256_unless_its_client_is_registered_otherwise() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let alg = async |device: &Device, token: &str| {
        let tokens = device.connect(&ada, "openid").await;
        format!("{:?}", jwt::verify(&server, &server.base, &tokens.string(token)).await.0.alg)
    };
    for (id, access, id_token, expected) in [
        ("neither", None, None, ("ES256", "RS256")),
        ("both", Some(SigningAlgorithm::EdDsa), None, ("EdDSA", "EdDSA")),
        ("ids", None, Some(SigningAlgorithm::Es256), ("ES256", "ES256")),
        ("each", Some(SigningAlgorithm::Rs256), Some(SigningAlgorithm::EdDsa), ("RS256", "EdDSA")),
    ] {
        let choice = |client: &mut Client| {
            client.signing_algorithm = access;
            client.id_token_algorithm = id_token;
        };
        let device = server.client(id, "openid", choice).await;
        let found = (alg(&device, "access_token").await, alg(&device, "id_token").await);
        assert_eq!((found.0.as_str(), found.1.as_str()), expected, "{id}");
    }
}

#[tokio::test]
async fn the_default_algorithm_of_id_tokens_is_a_setting() {
    let server = TestServer::with(|config| {
        config.tokens.id_token_signing_algorithm = SigningAlgorithm::Es256;
    })
    .await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, "openid").await;
    let (header, _) = jwt::verify(&server, &server.base, &tokens.string("id_token")).await;
    assert_eq!(header.alg, jsonwebtoken::Algorithm::ES256);
}

#[tokio::test]
async fn an_id_token_is_tied_to_its_access_token() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    // OpenID Connect Core §3.1.3.6: the left half of the hash that the signature uses; Ed25519 uses SHA-512.
    for (algorithm, function, half) in [
        (SigningAlgorithm::Es256, &SHA256, 16),
        (SigningAlgorithm::Rs256, &SHA256, 16),
        (SigningAlgorithm::EdDsa, &SHA512, 32),
    ] {
        let choice = |client: &mut Client| client.signing_algorithm = Some(algorithm);
        let device = server.client(algorithm.as_str(), "openid", choice).await;
        let tokens = device.connect(&ada, "openid").await;
        let hash = digest(function, tokens.string("access_token").as_bytes());
        let expected = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..half]);
        assert_eq!(claims(&server, &tokens).await["at_hash"], expected.as_str(), "{algorithm:?}");
    }
}

#[tokio::test]
async fn an_id_token_reveals_what_its_scopes_allow() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let profile = ["name", "preferred_username"];
    let email = ["email", "email_verified"];
    for (scope, shown, hidden) in [
        ("openid", &[][..], &[&profile[..], &email[..]].concat()[..]),
        ("openid profile", &profile[..], &email[..]),
        ("openid email", &email[..], &profile[..]),
    ] {
        let claims = claims(&server, &tv.connect(&ada, scope).await).await;
        for member in shown {
            assert!(claims.get(member).is_some(), "{scope}: no {member} in {claims}");
        }
        for member in hidden {
            assert!(claims.get(member).is_none(), "{scope}: {member} in {claims}");
        }
    }
    let claims = claims(&server, &tv.connect(&ada, "openid profile email").await).await;
    assert_eq!(claims["name"], "Ada Lovelace");
    assert_eq!(claims["preferred_username"], "ada");
    assert_eq!(claims["email"], "ada@example.org");
    assert_eq!(claims["email_verified"], true);
}

#[tokio::test]
async fn a_refreshed_id_token_is_about_the_same_person_and_sign_in() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = tv.connect(&ada, "openid offline_access").await;
    server.clock.advance(3_600.0);
    let second = tv.refresh(&first.string("refresh_token")).await;
    let (first, second) = (claims(&server, &first).await, claims(&server, &second).await);
    // OpenID Connect Core §12.2
    for same in ["iss", "sub", "aud", "auth_time"] {
        assert_eq!(first[same], second[same], "{same}");
    }
    assert_eq!(second["iat"].as_i64().unwrap() - first["iat"].as_i64().unwrap(), 3_600);
    assert_ne!(first["at_hash"], second["at_hash"]);
}

#[tokio::test]
async fn the_subject_is_the_same_on_every_device_of_a_person_and_no_one_elses() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (radio, bob) = (server.public_client("radio", "openid").await, server.person("bob", &[]).await);
    let one = claims(&server, &tv.connect(&ada, "openid").await).await;
    let two = claims(&server, &radio.connect(&ada, "openid").await).await;
    let three = claims(&server, &tv.connect(&bob, "openid").await).await;
    assert_eq!(one["sub"], two["sub"]);
    assert_ne!(one["sub"], three["sub"]);
}
