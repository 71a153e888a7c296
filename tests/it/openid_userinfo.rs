//! OpenID Connect Core §5.3 and RFC 6750: whom a token acts for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::model::bearer_secret::SecretHash;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::support::device::send;
use crate::support::{Answer, DpopKey, TestServer, jwt};

const PATH: &str = "/oauth/userinfo";

#[tokio::test]
async fn a_token_tells_what_its_scopes_reveal() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let sub = server.user_id("ada").await.to_string();
    for (scope, expected) in [
        ("openid", json!({"sub": sub})),
        ("openid profile", json!({"sub": sub, "name": "Ada Lovelace", "preferred_username": "ada"})),
        ("openid email", json!({"sub": sub, "email": "ada@example.org", "email_verified": true})),
    ] {
        let tokens = tv.connect(&ada, scope).await;
        let token = tokens.string("access_token");
        let by_form = send(tv.request(PATH).form(&[("access_token", &token)])).await;
        let by_post = send(tv.request(PATH).bearer_auth(&token)).await;
        let spelled = send(tv.request(PATH).header(AUTHORIZATION, format!("bEARER {token}"))).await;
        let versioned = tv.at(&format!("{}/api/v1", server.base)).userinfo(&token).await;
        for answer in [tv.userinfo(&token).await, by_form, by_post, spelled, versioned] {
            assert_eq!((answer.status.as_u16(), &answer.json), (200, &expected), "{answer:?}");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert!(answer.header("content-type").starts_with("application/json"));
        }
        let (_, claims) = jwt::verify(&server, &server.base, &tokens.string("id_token")).await;
        assert_eq!(claims["sub"], expected["sub"]);
    }
}

#[tokio::test]
async fn whoever_shows_no_token_is_told_how_to() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, "openid").await.string("access_token");
    let url = format!("{}{PATH}", server.base);
    for request in [
        server.http.get(&url),
        server.http.post(&url),
        server.http.post(&url).form(&[("access_token", "")]),
        // A token in an address ends up in logs: it is not looked at (RFC 9700 §4.3.2).
        server.http.get(format!("{url}?access_token={token}")),
        server.http.post(format!("{url}?access_token={token}")),
        // In a body only as a form (RFC 6750 §2.2), and never with GET.
        server.http.post(&url).json(&json!({"access_token": token})),
        server.http.get(&url).form(&[("access_token", &token)]),
        server.http.get(&url).basic_auth("tv", Some("x")),
    ] {
        let answer = send(request).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (401, "{}"), "{answer:?}");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="latchkey""#);
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn a_token_that_does_not_allow_it_is_told_what_would() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, "profile email").await.string("access_token");
    let answer = tv.userinfo(&token).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (403, "insufficient_scope"), "{answer:?}");
    let challenge = answer.must_be_an_oauth_body().header("www-authenticate");
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(challenge.contains(r#"error="insufficient_scope""#) && challenge.contains(r#"scope="openid""#));
}

#[tokio::test]
async fn two_ways_at_once_are_one_too_many() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, "openid").await.string("access_token");
    let both = tv.request(PATH).bearer_auth(&token).form(&[("access_token", &token)]);
    send(both).await.must_be_error("invalid_request");
    let bearer = format!("Bearer {token}");
    let twice = tv.request(PATH).header(AUTHORIZATION, &bearer).header(AUTHORIZATION, &bearer);
    send(twice).await.must_be_error("invalid_request");
    let repeated = tv.request(PATH).form(&[("access_token", &token), ("access_token", &token)]);
    send(repeated).await.must_be_error("invalid_request");
    for malformed in ["Bearer", "Bearer ", "Bearer a b"] {
        let request = server.http.get(format!("{}{PATH}", server.base)).header(AUTHORIZATION, malformed);
        send(request).await.must_be_error("invalid_request");
    }
}

#[tokio::test]
async fn only_an_access_token_opens_it() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, "openid offline_access").await;
    for token in ["id_token", "refresh_token"] {
        tv.userinfo(&tokens.string(token)).await.must_be_an_invalid_token();
    }
    tv.userinfo("nonsense").await.must_be_an_invalid_token();
    // A client acting for itself is nobody's person.
    let own = tv.userinfo(&server.own_token("tv", "name").await).await;
    assert_eq!((own.status.as_u16(), own.error()), (403, "insufficient_scope"), "{own:?}");
}

#[track_caller]
fn must_want_a_proof(answer: &Answer, error: &str) {
    assert_eq!((answer.status.as_u16(), answer.error()), (401, error), "{answer:?}");
    let challenge = answer.must_be_an_oauth_body().header("www-authenticate");
    assert!(challenge.starts_with("DPoP ") && challenge.contains("ES256"), "{challenge}");
}

#[tokio::test]
async fn a_bound_token_is_not_accepted_from_whoever_has_it() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, "openid").await.string("access_token");
    let (_, mut claims) = jwt::verify(&server, &server.base, &token).await;
    claims["cnf"] = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    let bound = server.sign(&json!({"typ": "at+jwt"}), &claims).await;
    must_want_a_proof(&tv.userinfo(&bound).await, "invalid_token");
    let by_form = send(tv.request(PATH).form(&[("access_token", &bound)])).await;
    must_want_a_proof(&by_form, "invalid_token");
    for token in [&bound, &token] {
        let request = tv.request(PATH).header(AUTHORIZATION, format!("DPoP {token}"));
        must_want_a_proof(&send(request).await, "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn a_bound_token_opens_with_a_new_proof_of_its_key_for_itself() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (key, other) = (DpopKey::new(&server), DpopKey::new(&server));
    let bound = tv.with_key(&key).connect_bound(&ada, "openid").await.string("access_token");
    let unbound = tv.connect(&ada, "openid").await.string("access_token");
    let ask = |base: &str, token: &str, proof: &str| {
        let request = server.http.post(format!("{base}{PATH}"));
        send(request.header(AUTHORIZATION, format!("DPoP {token}")).header("dpop", proof))
    };
    let prove = |key: &DpopKey, token: &str| {
        let ath = URL_SAFE_NO_PAD.encode(SecretHash::of(token).0);
        key.proof_with(PATH, |claims| claims["ath"] = json!(ath))
    };
    let proof = prove(&key, &bound);
    let answer = ask(&server.base, &bound, &proof).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for base in [&server.base, &replica.base] {
        must_want_a_proof(&ask(base, &bound, &proof).await, "invalid_dpop_proof");
    }
    // Another key's, another token's, nobody's, and one for a token that is bound to nothing.
    must_want_a_proof(&ask(&server.base, &bound, &prove(&other, &bound)).await, "invalid_token");
    must_want_a_proof(&ask(&server.base, &bound, &prove(&key, &unbound)).await, "invalid_dpop_proof");
    must_want_a_proof(&ask(&server.base, &bound, &key.proof(PATH)).await, "invalid_dpop_proof");
    must_want_a_proof(&ask(&server.base, &unbound, &prove(&key, &unbound)).await, "invalid_token");
    assert_eq!(ask(&replica.base, &bound, &prove(&key, &bound)).await.status, 200);
}

#[tokio::test]
async fn a_server_that_wants_nonces_says_so_here_too() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let proof =
        key.proof_with(PATH, |claims| claims["ath"] = json!(URL_SAFE_NO_PAD.encode(SecretHash::of("x").0)));
    let request = tv.request(PATH).header(AUTHORIZATION, "DPoP x").header("dpop", proof);
    let answer = send(request).await;
    must_want_a_proof(&answer, "use_dpop_nonce");
    assert!(!answer.header("dpop-nonce").is_empty());
}

#[tokio::test]
async fn what_changes_about_a_person_shows_at_once() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, "openid profile").await.string("access_token");
    let there = tv.at(&replica.base);
    assert_eq!(there.userinfo(&token).await.json["name"], "Ada Lovelace");
    sqlx::query("UPDATE users SET display_name = 'Ada King'").execute(&server.app.db).await.unwrap();
    assert_eq!(there.userinfo(&token).await.json["name"], "Ada King");
}

#[tokio::test]
async fn no_other_method_and_no_other_tenant_answers() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, "openid").await.string("access_token");
    for method in [Method::PUT, Method::DELETE] {
        let request = server.http.request(method, format!("{}{PATH}", server.base)).bearer_auth(&token);
        let answer = send(request).await;
        assert_eq!(answer.status, 405, "{answer:?}");
        for method in ["GET", "POST"] {
            assert!(answer.header("allow").contains(method), "{answer:?}");
        }
    }
    let nobody = tv.at(&format!("{}/t/nobody", server.base)).userinfo(&token).await;
    assert_eq!(nobody.status, 404, "{nobody:?}");
}
