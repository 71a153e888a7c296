//! RFC 7517: the published keys.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::domain::audit::By;
use latchkey::domain::signing_keys::remove::remove;
use latchkey::domain::signing_keys::rotate::{TakeOver, rotate};
use latchkey::model::bearer_secret::SecretHash;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::DEFAULT_TENANT;
use serde_json::{Value, json};

use crate::support::TestServer;
use crate::support::device::send;

async fn keys(server: &TestServer, base: &str) -> Vec<Value> {
    let answer = send(server.http.get(format!("{base}/oauth/jwks"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json["keys"].as_array().expect("a list of keys").clone()
}

#[tokio::test]
async fn the_keys_are_public_keys_for_signatures_and_nothing_more() {
    let server = TestServer::start().await;
    let keys = keys(&server, &server.base).await;
    assert_eq!(keys.len(), 3);
    for key in &keys {
        // RFC 7517 §4, RFC 7518 §6
        for member in ["kid", "kty", "alg"] {
            assert!(key[member].is_string(), "{key}");
        }
        assert_eq!(key["use"], "sig", "{key}");
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "{private} in {key}");
        }
    }
    let kids: BTreeSet<_> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids.len(), keys.len());
}

#[tokio::test]
async fn keys_are_strong_and_named_by_their_thumbprint() {
    let server = TestServer::start().await;
    for key in keys(&server, &server.base).await {
        // RFC 7638 §3
        let required = match key["kty"].as_str() {
            Some("EC") => {
                assert_eq!((&key["crv"], &key["alg"]), (&json!("P-256"), &json!("ES256")));
                json!({"crv": key["crv"], "kty": key["kty"], "x": key["x"], "y": key["y"]})
            }
            Some("RSA") => {
                let modulus = URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap();
                assert_eq!((modulus.len() * 8, &key["alg"]), (2048, &json!("RS256")));
                assert!(modulus[0] >= 0x80, "the modulus has all its bits");
                json!({"e": key["e"], "kty": key["kty"], "n": key["n"]})
            }
            Some("OKP") => {
                // RFC 8037 §2
                assert_eq!((&key["crv"], &key["alg"]), (&json!("Ed25519"), &json!("EdDSA")));
                json!({"crv": key["crv"], "kty": key["kty"], "x": key["x"]})
            }
            other => panic!("{other:?}"),
        };
        let thumbprint = URL_SAFE_NO_PAD.encode(SecretHash::of(&required.to_string()).0);
        assert_eq!(key["kid"], thumbprint.as_str());
    }
}

#[tokio::test]
async fn the_document_is_a_key_set_that_may_be_kept_for_a_while() {
    let server = TestServer::start().await;
    let answer = server.get("/oauth/jwks").await;
    assert_eq!(answer.header("content-type"), "application/jwk-set+json");
    let max_age = answer.header("cache-control").split("max-age=").nth(1).expect("max-age");
    assert!((300..=3600).contains(&max_age.parse::<u32>().unwrap()), "{answer:?}");
    let head = send(server.http.head(format!("{}/oauth/jwks", server.base))).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn whoever_has_the_keys_is_not_sent_them_again_until_they_change() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let ask = async |server: &TestServer, tag: &str| {
        let address = format!("{}/oauth/jwks", server.base);
        send(server.http.get(address).header("if-none-match", tag)).await
    };
    let tag = server.get("/oauth/jwks").await.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 2, "{tag:?}");
    for server in [&server, &replica] {
        let known = ask(server, &tag).await;
        assert_eq!((known.status.as_u16(), known.text.as_str()), (304, ""));
        assert_eq!((known.header("etag"), known.header("cache-control")), (&*tag, "public, max-age=600"));
    }
    let head = send(server.http.head(format!("{}/oauth/jwks", server.base))).await;
    assert_eq!((head.status.as_u16(), head.header("etag")), (200, &*tag));
    let es256 = SigningAlgorithm::Es256;
    let announced = rotate(&server.app, DEFAULT_TENANT, es256, TakeOver::WhenKnown, &By::OPERATOR).await;
    let kid = announced.expect("the database answers").kid;
    replica.hear_all().await;
    for server in [&server, &replica] {
        let changed = ask(server, &tag).await;
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), tag);
        assert!(changed.text.contains(&kid), "{changed:?}");
    }
}

#[tokio::test]
async fn tenants_share_no_key() {
    let server = TestServer::start().await;
    let (_, acme) = server.tenant("acme").await;
    let ours: BTreeSet<String> =
        keys(&server, &server.base).await.iter().map(|key| key["kid"].to_string()).collect();
    let theirs = keys(&server, &acme).await;
    assert_eq!(theirs.len(), 3);
    assert!(theirs.iter().all(|key| !ours.contains(&key["kid"].to_string())));
}

#[tokio::test]
async fn a_retired_key_stays_published_and_a_removed_one_does_not() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let before = tv.connect(&ada, "openid").await.string("access_token");
    let es256 = SigningAlgorithm::Es256;
    let rotated = rotate(&server.app, DEFAULT_TENANT, es256, TakeOver::AtOnce, &By::OPERATOR).await;
    rotated.expect("the database answers");
    // What the old one signed can still be verified.
    let after = tv.connect(&ada, "openid").await.string("access_token");
    let published = keys(&server, &server.base).await;
    assert_eq!(published.len(), 4);
    for token in [&before, &after] {
        crate::support::jwt::verify(&server, &server.base, token).await;
    }
    let old = jsonwebtoken::decode_header(&before).expect("a JWT").kid.expect("a kid");
    let removed = remove(&server.app, DEFAULT_TENANT, &old, &By::OPERATOR).await;
    assert!(removed.expect("the database answers").is_some());
    assert_eq!(keys(&server, &server.base).await.len(), 3);
    crate::support::jwt::verify(&server, &server.base, &after).await;
}

#[tokio::test]
async fn servers_that_need_a_key_at_once_make_one() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    server.execute("DELETE FROM signing_keys WHERE alg = 'ES256'").await;
    let (here, there) = tokio::join!(keys(&server, &server.base), keys(&server, &replica.base));
    assert_eq!(here, there);
    assert_eq!(here.len(), 3);
}
