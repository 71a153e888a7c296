//! RFC 7662: what a token is worth, for whoever asks.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::domain::audit::By;
use latchkey::domain::signing_keys::remove::remove;
use latchkey::domain::signing_keys::rotate::{TakeOver, rotate};
use latchkey::model::client::AuthMethod;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::DEFAULT_TENANT;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::device::{BodyType, Proof, send};
use crate::support::{TestServer, jwt};

const OFFLINE: &str = "openid profile offline_access";

#[tokio::test]
async fn an_active_access_token_is_described_as_it_stands() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let tokens = tv.connect(&ada, OFFLINE).await;
    let token = tokens.string("access_token");
    let answer = api.introspect(&token).await;
    let (_, claims) = jwt::verify(&server, &server.base, &token).await;
    let mut expected = claims.clone();
    expected["active"] = json!(true);
    expected["token_type"] = json!("Bearer");
    assert_eq!(answer.must_be_active().json, expected);
    for member in
        ["scope", "client_id", "sub", "aud", "iss", "exp", "iat", "jti", "auth_time", "amr", "device_id"]
    {
        assert!(answer.json.get(member).is_some(), "{member}");
    }
    assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
}

#[tokio::test]
async fn a_resource_server_sees_only_what_is_meant_for_it() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let other = server
        .client("other", "openid", |client| {
            client.auth_method = AuthMethod::ClientSecretPost;
            client.introspects = vec!["https://other.example".to_owned()];
        })
        .await;
    let tokens = tv.connect(&ada, OFFLINE).await;
    let token = tokens.string("access_token");
    api.introspect(&token).await.must_be_active();
    other.introspect(&token).await.must_be_inactive();
    let issuer = server.base.clone();
    for nearly in [issuer.clone(), format!("{issuer}/api/"), format!("{issuer}/ap"), String::new()] {
        server.change_client("other", |client| client.introspects = vec![nearly]).await;
        other.introspect(&token).await.must_be_inactive();
    }
    // Nobody but the client it was issued to sees a refresh token (and an ID token is nothing to be introspected).
    for token in ["refresh_token", "id_token"] {
        api.introspect(&tokens.string(token)).await.must_be_inactive();
    }
}

#[tokio::test]
async fn a_token_may_be_meant_for_several() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let (_, mut claims) =
        jwt::verify(&server, &server.base, &tv.connect(&ada, "openid").await.string("access_token")).await;
    claims["aud"] = json!(["https://other.example", format!("{}/api", server.base)]);
    let token = server.sign(&json!({"typ": "at+jwt"}), &claims).await;
    assert_eq!(api.introspect(&token).await.must_be_active().json["aud"], claims["aud"]);
    claims["aud"] = json!(["https://other.example"]);
    let token = server.sign(&json!({"typ": "at+jwt"}), &claims).await;
    api.introspect(&token).await.must_be_inactive();
}

#[tokio::test]
async fn a_confidential_client_sees_its_own_tokens_of_both_kinds() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let method = AuthMethod::ClientSecretBasic;
    let device = server.client("box", OFFLINE, |client| client.auth_method = method).await;
    let first = device.connect(&ada, OFFLINE).await;
    device.introspect(&first.string("access_token")).await.must_be_active();
    let refresh = device.introspect(&first.string("refresh_token")).await;
    let access = device.introspect(&first.string("access_token")).await.json;
    for same in ["sub", "client_id", "iss", "scope", "auth_time", "amr", "device_id"] {
        assert_eq!(refresh.must_be_active().json[same], access[same], "{same}");
    }
    assert_eq!(refresh.json["exp"].as_i64().unwrap() - refresh.json["iat"].as_i64().unwrap(), 14 * 86_400);
    for member in ["token_type", "username", "aud", "jti"] {
        assert!(refresh.json.get(member).is_none(), "{refresh:?}");
    }
    // Asking is not using.
    let rows = server.rows().await;
    device.introspect(&first.string("refresh_token")).await.must_be_active();
    assert_eq!(server.rows().await, rows);
    let second = device.refresh(&first.string("refresh_token")).await;
    device.introspect(&first.string("refresh_token")).await.must_be_inactive();
    device.introspect(&second.string("refresh_token")).await.must_be_active();
    server.clock.advance(14.0 * 86_400.0);
    device.introspect(&second.string("refresh_token")).await.must_be_inactive();
}

#[tokio::test]
async fn only_the_operators_own_learn_what_a_person_is_called() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let trusted = server
        .client("trusted", "openid", |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.first_party = true;
            client.introspects = vec![format!("{}/api", server.base)];
        })
        .await;
    let token = tv.connect(&ada, "openid").await.string("access_token");
    assert!(api.introspect(&token).await.must_be_active().json.get("username").is_none());
    assert_eq!(trusted.introspect(&token).await.must_be_active().json["username"], "ada");
}

#[tokio::test]
async fn whoever_does_not_prove_who_they_are_learns_nothing() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let token = tv.connect(&ada, "openid").await.string("access_token");
    tv.introspect(&token).await.must_be_error("invalid_client");
    tv.introspect("nonsense").await.must_be_error("invalid_client");
    for proof in [Proof::None, Proof::Basic("wrong".to_owned()), Proof::Post("wrong".to_owned())] {
        api.with_proof(proof).introspect(&token).await.must_be_error("invalid_client");
    }
    let nobody = send(api.request("/oauth/introspect").form(&[("token", &token)])).await;
    nobody.must_be_error("invalid_client");
    // A token proves nobody.
    let bearer = api.request("/oauth/introspect").bearer_auth(&token).form(&[("token", &token)]);
    send(bearer).await.must_be_error("invalid_client");
    server.change_client("api", |client| client.enabled = false).await;
    api.introspect(&token).await.must_be_error("invalid_client");
}

#[tokio::test]
async fn the_request_is_read_as_everywhere() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let token = tv.connect(&ada, "openid").await.string("access_token");
    let Proof::Basic(secret) = &api.proof else { panic!("a secret") };
    for prefix in ["", "/api/v1"] {
        for body in BodyType::ALL {
            let request = api.request(&format!("{prefix}/oauth/introspect/")).basic_auth("api", Some(secret));
            send(body.fill(request, &[("token", &token)])).await.must_be_active();
        }
    }
    for hint in ["access_token", "refresh_token", "id_token", "nonsense", ""] {
        let form = [("token", token.as_str()), ("token_type_hint", hint)];
        api.post("/oauth/introspect", &form).await.must_be_active();
    }
    api.post("/oauth/introspect", &[]).await.must_be_error("invalid_request");
    api.introspect("").await.must_be_error("invalid_request");
    let twice = [("token", token.as_str()), ("token", &token)];
    api.post("/oauth/introspect", &twice).await.must_be_error("invalid_request");
    api.post(&format!("/oauth/introspect?token={token}"), &[]).await.must_be_error("invalid_request");
    for method in [Method::GET, Method::PUT, Method::OPTIONS] {
        let request = server.http.request(method, format!("{}/oauth/introspect", server.base));
        let answer = send(request.header("origin", "https://tv.example")).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"), "{answer:?}");
        // Servers ask, and no program in a browser.
        assert_eq!(answer.header("access-control-allow-origin"), "", "{answer:?}");
    }
}

#[tokio::test]
async fn a_token_counts_for_as_long_as_it_says() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let token = tv.connect(&ada, OFFLINE).await.string("access_token");
    let started_at = server.clock.now();
    let part_of_second = f64::from(started_at.timestamp_subsec_micros()) / 1e6;
    server.clock.advance(600.0 - part_of_second - 0.001);
    api.introspect(&token).await.must_be_active();
    tv.userinfo(&token).await.string("sub");
    server.clock.advance(0.001);
    api.introspect(&token).await.must_be_inactive();
    tv.userinfo(&token).await.must_be_an_invalid_token();
    // A clock that is somewhat behind is no reason to doubt a token, one that is far behind is.
    server.clock.advance(-655.0);
    api.introspect(&token).await.must_be_active();
    server.clock.advance(-120.0);
    api.introspect(&token).await.must_be_inactive();
}

#[tokio::test]
async fn a_neighbours_tokens_are_nothing_here() {
    let server = TestServer::start().await;
    let (acme, base) = server.tenant("acme").await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let audience = format!("{}/api", server.base);
    let their_api = server
        .client_of(acme, &base, "api", "openid", |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.introspects = vec![audience, format!("{}/t/acme/api", server.base)];
        })
        .await;
    let their_tv = server.client_of(acme, &base, "tv", OFFLINE, |_| ()).await;
    let their_ada = server.person_of(acme, &base, "ada", &[]).await;
    server.change_client("api", |client| client.introspects.push(format!("{base}/api"))).await;
    let (ours, theirs) = (tv.connect(&ada, OFFLINE).await, their_tv.connect(&their_ada, OFFLINE).await);
    api.introspect(&ours.string("access_token")).await.must_be_active();
    their_api.introspect(&theirs.string("access_token")).await.must_be_active();
    for token in ["access_token", "refresh_token"] {
        api.introspect(&theirs.string(token)).await.must_be_inactive();
        their_api.introspect(&ours.string(token)).await.must_be_inactive();
        // Not even their owner can give them back at the wrong door.
        assert_eq!(tv.revoke(&theirs.string(token)).await.status, 200);
    }
    tv.userinfo(&theirs.string("access_token")).await.must_be_an_invalid_token();
    their_tv.userinfo(&ours.string("access_token")).await.must_be_an_invalid_token();
    // Signed with the right key, but in the neighbour's name.
    let (_, mut claims) = jwt::verify(&server, &server.base, &ours.string("access_token")).await;
    claims["iss"] = json!(base);
    let renamed = server.sign(&json!({"typ": "at+jwt"}), &claims).await;
    api.introspect(&renamed).await.must_be_inactive();
    their_api.introspect(&renamed).await.must_be_inactive();
    their_api.introspect(&theirs.string("access_token")).await.must_be_active();
}

/// Tokens that are none, each made of a good one in one way.
async fn malformed(server: &TestServer, good: &str) -> Vec<(&'static str, String)> {
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let with_header = |text: &str| format!("{}.{claims}.{signature}", encode(text));
    let decoded: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
    let kid = jsonwebtoken::decode_header(good).expect("a header").kid.expect("a kid");
    let public = server.get("/oauth/jwks").await.text;
    let mac = jsonwebtoken::encode(
        &jsonwebtoken::Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(kid.clone()),
            ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256)
        },
        &decoded,
        &jsonwebtoken::EncodingKey::from_secret(public.as_bytes()),
    )
    .expect("a MAC");
    let signed = async |header: Value| server.sign(&header, &decoded).await;
    let without = async |claim: &str| {
        let mut fewer = decoded.clone();
        fewer.as_object_mut().expect("an object").remove(claim);
        server.sign(&json!({"typ": "at+jwt"}), &fewer).await
    };
    vec![
        ("unsigned", format!("{}.{claims}.", encode(r#"{"typ":"at+jwt","alg":"none"}"#))),
        ("unsigned, spelled otherwise", format!("{}.{claims}.", encode(r#"{"typ":"at+jwt","alg":"nOnE"}"#))),
        ("unsigned with a kid", with_header(&format!(r#"{{"typ":"at+jwt","alg":"none","kid":"{kid}"}}"#))),
        ("a MAC under the public key", mac),
        ("another algorithm", with_header(&format!(r#"{{"typ":"at+jwt","alg":"RS256","kid":"{kid}"}}"#))),
        ("typ JWT", signed(json!({"typ": "JWT"})).await),
        ("typ with a capital", signed(json!({"typ": "AT+JWT"})).await),
        ("typ dpop+jwt", signed(json!({"typ": "dpop+jwt"})).await),
        ("typ null", signed(json!({"typ": null})).await),
        ("no typ", signed(json!({})).await),
        ("unknown kid", signed(json!({"typ": "at+jwt", "kid": "nobody"})).await),
        ("kid with NUL", signed(json!({"typ": "at+jwt", "kid": "\u{0}"})).await),
        ("long kid", signed(json!({"typ": "at+jwt", "kid": "k".repeat(2_000)})).await),
        ("kid is a number", signed(json!({"typ": "at+jwt", "kid": 1})).await),
        ("kid is a path", signed(json!({"typ": "at+jwt", "kid": "../../etc/passwd' OR 1=1 --"})).await),
        ("no kid", signed(json!({"typ": "at+jwt", "kid": null})).await),
        ("crit", signed(json!({"typ": "at+jwt", "crit": ["exp"]})).await),
        ("b64", signed(json!({"typ": "at+jwt", "b64": false})).await),
        (
            "a repeated member",
            with_header(&format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{kid}","kid":"{kid}"}}"#)),
        ),
        ("no exp", without("exp").await),
        ("no iss", without("iss").await),
        ("no client_id", without("client_id").await),
        ("JWE", format!("{header}.{claims}.{signature}.AAAA.AAAA")),
        ("two parts", format!("{header}.{claims}")),
        ("padding", format!("{good}=")),
        ("a newline", format!("{good}\n")),
        ("a space", format!(" {good}")),
        (
            "JSON serialisation",
            json!({"protected": header, "payload": claims, "signature": signature}).to_string(),
        ),
        (
            "DER signature",
            format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0x30, 0x06, 2, 1, 1, 2, 1, 1])),
        ),
        ("zero signature", format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 64]))),
        ("claims that are no object", format!("{header}.{}.{signature}", encode("[]"))),
        ("not UTF-8", format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(b"{\"a\":\"\xff\"}"))),
        ("deep nesting", format!("{header}.{}.{signature}", encode(&"[".repeat(3_000)))),
        ("a device code", "lkd_6ESr425gpxYnoIGfVzoG5KGP1kQhDJyYL10kzM1oumG4FhLRC".to_owned()),
        ("a refresh token of nobody", "lkr_SXj76YDnxxcWzuOvSO4cSwH8ggnNglCQJblVhjAzePg0eD0sU".to_owned()),
        ("letters", "x".to_owned()),
        ("not ASCII", "é.é.é".to_owned()),
        ("dots", "..".to_owned()),
        ("as long as can be", "A".repeat(8_000)),
    ]
}

#[tokio::test]
async fn whatever_is_no_token_is_inactive_everywhere_and_no_error() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let good = tv.connect(&ada, "openid").await.string("access_token");
    for (what, bad) in malformed(&server, &good).await {
        let answer = api.introspect(&bad).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, r#"{"active":false}"#),
            "{what}: {answer:?}"
        );
        let revoked = tv.revoke(&bad).await;
        let refused = (revoked.status == 400).then(|| revoked.error().to_owned());
        assert!(
            (revoked.status == 200 && revoked.text.is_empty())
                || refused.as_deref() == Some("unsupported_token_type"),
            "{what}: {revoked:?}"
        );
        if bad.bytes().all(|byte| byte.is_ascii_graphic()) {
            let opened = tv.userinfo(&bad).await;
            assert_eq!(
                (opened.status.as_u16(), opened.error()),
                (401, "invalid_token"),
                "{what}: {opened:?}"
            );
        }
    }
    api.introspect(&good).await.must_be_active();
}

#[tokio::test]
async fn a_token_of_a_megabyte_is_refused_in_the_usual_shape() {
    let server = TestServer::start().await;
    let (tv, api) = (server.tv().await, server.api().await);
    let large = "A".repeat(1 << 20);
    for answer in [api.introspect(&large).await, tv.revoke(&large).await] {
        assert_eq!(answer.status, 413, "{answer:?}");
        answer.must_be_an_oauth_body();
    }
    let body = send(tv.request("/oauth/userinfo").form(&[("access_token", &large)])).await;
    assert_eq!(body.status, 413, "{body:?}");
    let long = "A".repeat(8_193);
    api.introspect(&long).await.must_be_error("invalid_request");
    let raw = format!(
        "GET /oauth/userinfo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {large}\r\nconnection: close\r\n\r\n"
    );
    assert!(server.raw(raw).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn any_changed_bit_makes_a_token_worthless() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let good = tv.connect(&ada, "openid").await.string("access_token");
    let mut changed = 0;
    // Every part is met, and every bit of a character in turn.
    for at in (0..good.len()).step_by(11).chain([good.len() - 1]) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1 << (at % 6);
        let Ok(text) = String::from_utf8(bytes) else { continue };
        api.introspect(&text).await.must_be_inactive();
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            assert_eq!(tv.userinfo(&text).await.status, 401, "at {at}");
        }
        changed += 1;
    }
    assert!(changed > 40, "{changed}");
    api.introspect(&good).await.must_be_active();
}

#[tokio::test]
async fn a_removed_key_takes_its_tokens_along_at_once() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let token = tv.connect(&ada, OFFLINE).await.string("access_token");
    let there = api.at(&replica.base);
    api.introspect(&token).await.must_be_active();
    there.introspect(&token).await.must_be_active();
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    let algorithm = SigningAlgorithm::Es256;
    rotate(&server.app, DEFAULT_TENANT, algorithm, TakeOver::AtOnce, &By::OPERATOR).await.unwrap();
    there.introspect(&token).await.must_be_active();
    remove(&server.app, DEFAULT_TENANT, &kid, &By::OPERATOR).await.unwrap().expect("the key was there");
    there.introspect(&token).await.must_be_inactive();
    api.introspect(&token).await.must_be_inactive();
    tv.at(&replica.base).userinfo(&token).await.must_be_an_invalid_token();
}

#[tokio::test]
async fn a_bound_token_says_which_key_it_needs() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let (_, mut claims) =
        jwt::verify(&server, &server.base, &tv.connect(&ada, "openid").await.string("access_token")).await;
    claims["cnf"] = json!({"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"});
    let token = server.sign(&json!({"typ": "at+jwt"}), &claims).await;
    let answer = api.introspect(&token).await;
    assert_eq!(answer.must_be_active().json["cnf"], claims["cnf"]);
    assert_eq!(answer.json["token_type"], "DPoP");
}
