//! RFC 7523, RFC 10070: a client signs who it is (`private_key_jwt`).

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchkey::domain::clients::{self, ClientError};
use latchkey::domain::housekeeping::USED_JTIS;
use latchkey::model::client::{AuthMethod, Client, ClientKeys};
use latchkey::model::client_authentication::AssertionAllowance;
use latchkey::model::ids::ClientId;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::tenant::DEFAULT_TENANT;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::device::{BodyType, DEVICE_GRANT, Proof, send};
use crate::support::signer::{ClientKey, JWT_BEARER, Signer};
use crate::support::{Answer, Device, TestServer};

const SCOPE: &str = "openid offline_access";
const ENDPOINTS: [&str; 2] = ["/oauth/device-authorization", "/oauth/token"];

/// A client that signs, and what it signs with.
async fn robot(server: &TestServer) -> (Device, Signer) {
    let by_key = |client: &mut Client| client.auth_method = AuthMethod::PrivateKeyJwt;
    let device = server.client("robot", SCOPE, by_key).await;
    let Proof::PrivateKey(signer) = device.proof.clone() else { panic!("it signs") };
    (device, signer)
}

/// Sends an assertion to an endpoint, and nothing else about the client.
async fn present(device: &Device, path: &str, assertion: &str) -> Answer {
    let form = [
        ("grant_type", DEVICE_GRANT),
        ("device_code", "lkd_x"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    send(device.request(path).form(&form)).await
}

/// Whether an answer of either endpoint shows that the client was believed.
#[track_caller]
fn must_be_believed(answer: &Answer) {
    assert!(answer.status == 200 || answer.error() == "invalid_grant", "{answer:?}");
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().expect("an object").remove(name);
    object
}

#[tokio::test]
async fn a_client_with_a_key_of_any_algorithm_connects_and_refreshes() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    for algorithm in SigningAlgorithm::ALL {
        let key = ClientKey::generate(algorithm);
        let id = algorithm.as_str();
        let device = server
            .client(id, SCOPE, |client| {
                client.auth_method = AuthMethod::PrivateKeyJwt;
                client.keys = Some(ClientKeys::Registered(key.jwks().into()));
            })
            .await;
        let signer = Signer { key, issuer: server.base.clone(), clock: server.clock.clone() };
        let device = device.with_proof(Proof::PrivateKey(signer));
        let tokens = device.connect(&ada, SCOPE).await;
        device.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    }
}

#[tokio::test]
async fn assertions_in_bodies_of_every_type_are_checked_alike() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    for body in BodyType::ALL {
        let ask = |assertion: String| {
            let form = [("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)];
            send(body.fill(device.request(ENDPOINTS[0]), &form))
        };
        let assertion = signer.assertion("robot");
        assert_eq!(ask(assertion.clone()).await.status, 200, "{body:?}");
        ask(assertion).await.must_be_error("invalid_client");
    }
}

#[tokio::test]
async fn the_client_id_may_repeat_the_assertion_but_not_contradict_it() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    server.tv().await;
    let ask = |client_id: &'static str| {
        let (device, assertion) = (device.clone(), signer.assertion("robot"));
        async move {
            let form = [
                ("client_id", client_id),
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", &assertion),
            ];
            send(device.request(ENDPOINTS[0]).form(&form)).await
        }
    };
    assert_eq!(ask("robot").await.status, 200);
    for other in ["tv", "ROBOT", "nobody"] {
        ask(other).await.must_be_error("invalid_client");
    }
}

#[tokio::test]
async fn an_assertion_is_used_once_whichever_server_and_endpoint_it_is_sent_to() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (device, signer) = robot(&server).await;
    for path in ENDPOINTS {
        let assertion = signer.assertion("robot");
        must_be_believed(&present(&device, path, &assertion).await);
        for again in ENDPOINTS {
            present(&device, again, &assertion).await.must_be_error("invalid_client");
            present(&device.at(&replica.base), again, &assertion).await.must_be_error("invalid_client");
        }
    }
}

#[tokio::test]
async fn of_many_that_send_one_assertion_at_once_one_is_believed() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (device, signer) = robot(&server).await;
    let assertion = signer.assertion("robot");
    let mut presentations = JoinSet::new();
    for number in 0..40 {
        let device = if number % 2 == 0 { device.clone() } else { device.at(&replica.base) };
        let assertion = assertion.clone();
        presentations.spawn(async move { present(&device, ENDPOINTS[0], &assertion).await });
    }
    let answers = presentations.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.error() == "invalid_client").count(), 39, "{answers:?}");
}

#[tokio::test]
async fn a_jti_is_the_clients_own_and_is_forgotten_when_it_cannot_be_used_again() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    let second =
        server.client("second", SCOPE, |client| client.auth_method = AuthMethod::PrivateKeyJwt).await;
    let Proof::PrivateKey(second_signer) = second.proof.clone() else { panic!("it signs") };
    for (device, signer, id) in [(&device, &signer, "robot"), (&second, &second_signer, "second")] {
        let claims = with(signer.claims(id), "jti", json!("the same"));
        assert_eq!(
            present(device, ENDPOINTS[0], &signer.key.sign(signer.header(), claims)).await.status,
            200
        );
    }
    assert_eq!(server.count("SELECT count(*) FROM used_jtis").await, 2);
    let kept = server.rows().await.remove("used_jtis").expect("the table");
    assert!(!kept.contains("same"), "only hashes are kept: {kept}");

    server.clock.advance(179.0);
    assert_eq!(USED_JTIS.clear_batch(&server.app).await.unwrap(), 0);
    // Another server's own clock may be ten minutes behind.
    server.clock.advance(600.0 + 62.0);
    assert_eq!(USED_JTIS.clear_batch(&server.app).await.unwrap(), 2);
}

#[tokio::test]
async fn an_assertion_that_says_anything_else_is_refused_and_not_used_up() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    server.tv().await;
    let good = signer.claims("robot");
    let now = server.clock.now().timestamp();
    let token_endpoint = format!("{}/oauth/token", server.base);
    let bad = [
        with(good.clone(), "iss", json!("tv")),
        with(good.clone(), "iss", json!(null)),
        with(good.clone(), "sub", json!(["robot"])),
        with(good.clone(), "aud", json!(token_endpoint)),
        with(good.clone(), "aud", json!([server.base, token_endpoint])),
        with(good.clone(), "aud", json!([])),
        with(good.clone(), "aud", json!(format!("{}/", server.base))),
        with(good.clone(), "aud", json!("https://login.example.org")),
        with(good.clone(), "exp", json!(null)),
        with(good.clone(), "exp", json!(now)),
        with(good.clone(), "exp", json!(now - 5)),
        with(good.clone(), "exp", json!(now + 3602)),
        without(good.clone(), "jti"),
        with(good.clone(), "exp", json!((now + 60).to_string())),
        with(good.clone(), "iat", json!(now + 62)),
        with(good.clone(), "nbf", json!(now + 62)),
        with(good.clone(), "jti", json!("")),
        with(good.clone(), "jti", json!(7)),
        with(good.clone(), "jti", json!("j".repeat(257))),
    ];
    let before = server.rows().await;
    for claims in bad {
        let assertion = signer.key.sign(signer.header(), &claims);
        for path in ENDPOINTS {
            present(&device, path, &assertion).await.must_be_error("invalid_client");
        }
    }
    assert_eq!(server.rows().await, before);
    // The same jti, had any of them used it up, would be refused now.
    assert_eq!(present(&device, ENDPOINTS[0], &signer.key.sign(signer.header(), good)).await.status, 200);
}

#[tokio::test]
async fn the_longest_lifetime_of_an_assertion_is_a_setting() {
    for (longest, ahead, accepted) in
        [(3600, 3600, true), (3600, 3602, false), (300, 300, true), (300, 302, false)]
    {
        let server = TestServer::with(|config| config.clients.max_assertion_seconds = longest).await;
        let (device, signer) = robot(&server).await;
        let exp = server.clock.now().timestamp() + ahead;
        let assertion = signer.key.sign(signer.header(), with(signer.claims("robot"), "exp", json!(exp)));
        assert_eq!(
            present(&device, ENDPOINTS[0], &assertion).await.status == 200,
            accepted,
            "{longest} {ahead}"
        );
        if !accepted {
            continue;
        }
        // It is remembered for as long as it could be used again.
        server.clock.advance(f64::from(u32::try_from(ahead).unwrap() - 5));
        USED_JTIS.clear_batch(&server.app).await.unwrap();
        present(&device, ENDPOINTS[0], &assertion).await.must_be_error("invalid_client");
    }
}

#[tokio::test]
async fn the_token_endpoint_is_an_audience_for_the_client_that_is_allowed_it() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    let endpoint = format!("{}/oauth/token", server.base);
    let sign =
        |aud: &Value| signer.key.sign(signer.header(), with(signer.claims("robot"), "aud", aud.clone()));
    // As Spring and Authlib, Nimbus, and openid-client 5 send it.
    let forms = [json!(endpoint), json!([endpoint]), json!([server.base, endpoint])];
    for aud in &forms {
        present(&device, ENDPOINTS[0], &sign(aud)).await.must_be_error("invalid_client");
    }
    let allow = |client: &mut Client| {
        client.assertion_allowances = vec![AssertionAllowance::TokenEndpointAudience];
    };
    server.change_client("robot", allow).await;
    for aud in forms.iter().chain(&[json!(server.base)]) {
        for path in ENDPOINTS {
            must_be_believed(&present(&device, path, &sign(aud)).await);
        }
    }
    for aud in [json!("https://other.example/oauth/token"), json!([endpoint, "https://other.example"])] {
        present(&device, ENDPOINTS[0], &sign(&aud)).await.must_be_error("invalid_client");
    }
}

#[tokio::test]
async fn an_assertion_is_repeated_within_one_flow_where_that_is_allowed() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    let poll = async |code: &str, assertion: &str| {
        let form = [
            ("grant_type", DEVICE_GRANT),
            ("device_code", code),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
        ];
        send(device.request("/oauth/token").form(&form)).await
    };
    let allow =
        |client: &mut Client| client.assertion_allowances = vec![AssertionAllowance::RepeatedAssertion];
    server.change_client("robot", allow).await;
    let hour = server.clock.now().timestamp() + 3600;
    let named = signer.key.sign(signer.header(), with(signer.claims("robot"), "exp", json!(hour)));
    // zitadel/oidc sends none.
    let nameless = signer.key.sign(signer.header(), without(signer.claims("robot"), "jti"));
    for assertion in [named, nameless] {
        let first = present(&device, ENDPOINTS[0], &assertion).await.string("device_code");
        let other = device.start("openid").await.device_code;
        for _ in 0..3 {
            poll(&first, &assertion).await.must_be_error("authorization_pending");
            server.clock.advance(6.0);
        }
        // Neither another flow nor any other request.
        poll(&other, &assertion).await.must_be_error("invalid_client");
        present(&device, ENDPOINTS[0], &assertion).await.must_be_error("invalid_client");
        // One that is first used by a poll stays with its code.
        let polls = signer.assertion("robot");
        poll(&other, &polls).await.must_be_error("authorization_pending");
        server.clock.advance(6.0);
        poll(&other, &polls).await.must_be_error("authorization_pending");
        poll(&first, &polls).await.must_be_error("invalid_client");
    }
    server.change_client("robot", |client| client.assertion_allowances = Vec::new()).await;
    let once = signer.assertion("robot");
    let code = present(&device, ENDPOINTS[0], &once).await.string("device_code");
    poll(&code, &once).await.must_be_error("invalid_client");
}

#[tokio::test]
async fn clocks_may_be_a_little_apart() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    let early = signer.assertion("robot");
    server.clock.advance(-30.0);
    must_be_believed(&present(&device, ENDPOINTS[0], &early).await);
    let late = signer.assertion("robot");
    server.clock.advance(59.0);
    must_be_believed(&present(&device, ENDPOINTS[0], &late).await);
    let over = signer.assertion("robot");
    server.clock.advance(61.0);
    present(&device, ENDPOINTS[0], &over).await.must_be_error("invalid_client");
}

#[tokio::test]
async fn what_is_no_plain_signed_jwt_is_refused() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = signer.claims("robot").to_string();
    let jwk = &signer.key.public_jwk;
    let unsigned = |alg: &str| format!("{}.{}.", encode(&json!({"alg": alg}).to_string()), encode(&claims));
    // The public key as the secret of an HMAC: what a library that trusts the header would verify.
    let symmetric = {
        let header = json!({"alg": "HS256", "kid": jwk["kid"]}).to_string();
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let key = hmac::Key::new(hmac::HMAC_SHA256, jwk.to_string().as_bytes());
        let tag = hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let valid = signer.assertion("robot");
    let (message, signature) = valid.rsplit_once('.').unwrap();
    let mut bad = vec![
        "x".to_owned(),
        "a.b.c".to_owned(),
        "....".to_owned(),
        unsigned("none"),
        unsigned("nOnE"),
        unsigned("ES256"),
        symmetric,
        format!("{message}."),
        format!("{message}.{}", &signature[..signature.len() - 2]),
        format!("{valid}="),
        format!("{valid}.{signature}.{signature}"),
        format!(" {valid}"),
        json!({"payload": encode(&claims), "signatures": []}).to_string(),
        signer.key.sign(signer.header(), claims.replacen('{', r#"{"sub":"tv","#, 1)),
        signer.key.sign(signer.header(), "[]"),
        signer.key.sign(signer.header().to_string().replacen('{', r#"{"alg":"ES256","#, 1), &claims),
    ];
    for (member, value) in [
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("alg", json!("RS256")),
        ("alg", json!("EdDSA")),
        ("jku", json!("https://keys.example.org/")),
        ("x5u", json!("https://keys.example.org/")),
        ("x5c", json!([])),
        ("jwk", jwk.clone()),
        ("kid", json!(1)),
        ("typ", json!("at+jwt")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!(1)),
    ] {
        bad.push(signer.key.sign(with(signer.header(), member, value), &claims));
    }
    for assertion in bad {
        for path in ENDPOINTS {
            let answer = present(&device, path, &assertion).await;
            assert_eq!(answer.must_be_error("invalid_client").error(), "invalid_client", "{assertion}");
        }
    }
    present(&device, ENDPOINTS[0], &"x".repeat(4097)).await.must_be_error("invalid_request");
    present(&device, ENDPOINTS[0], &format!("{valid}\0")).await.must_be_error("invalid_request");
    assert_eq!(present(&device, ENDPOINTS[0], &"x".repeat(1 << 20)).await.status, 413);
    must_be_believed(&present(&device, ENDPOINTS[0], &valid).await);
}

#[tokio::test]
async fn only_the_clients_own_keys_count() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    let other = server.client("other", SCOPE, |client| client.auth_method = AuthMethod::PrivateKeyJwt).await;
    let Proof::PrivateKey(others) = other.proof.clone() else { panic!("it signs") };
    let foreign = ClientKey::generate(SigningAlgorithm::Es256);
    let same_kid = with(signer.header(), "kid", signer.key.public_jwk["kid"].clone());
    let claims = signer.claims("robot");
    let refused = [
        foreign.sign(same_kid, &claims),
        foreign.sign(with(signer.header(), "kid", foreign.public_jwk["kid"].clone()), &claims),
        foreign.sign(json!({"alg": "ES256"}), &claims),
        others.key.sign(others.header(), &claims),
        signer.key.sign(with(signer.header(), "kid", json!("unknown")), &claims),
    ];
    for assertion in &refused {
        present(&device, ENDPOINTS[0], assertion).await.must_be_error("invalid_client");
    }
    must_be_believed(&present(&device, ENDPOINTS[0], &signer.key.sign(signer.header(), &claims)).await);
}

#[tokio::test]
async fn a_client_with_several_keys_may_sign_with_any_and_need_not_say_which() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    let second = ClientKey::generate(SigningAlgorithm::Es256);
    let both = json!({"keys": [signer.key.public_jwk, second.public_jwk]});
    server.change_client("robot", |client| client.keys = Some(ClientKeys::Registered(both.into()))).await;
    for signer in [&signer, &signer.with_key(&second)] {
        assert_eq!(present(&device, ENDPOINTS[0], &signer.assertion("robot")).await.status, 200);
        let unnamed = signer.key.sign(json!({"alg": "ES256"}), signer.claims("robot"));
        assert_eq!(present(&device, ENDPOINTS[0], &unnamed).await.status, 200);
    }
    let only = json!({"keys": [second.public_jwk]});
    server.change_client("robot", |client| client.keys = Some(ClientKeys::Registered(only.into()))).await;
    present(&device, ENDPOINTS[0], &signer.assertion("robot")).await.must_be_error("invalid_client");
    assert_eq!(
        present(&device, ENDPOINTS[0], &signer.with_key(&second).assertion("robot")).await.status,
        200
    );
}

#[tokio::test]
async fn only_the_registered_method_is_accepted() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    for proof in [Proof::None, Proof::Basic("s3cret".to_owned()), Proof::Post("s3cret".to_owned())] {
        for path in ENDPOINTS {
            let form = [("grant_type", DEVICE_GRANT), ("device_code", "lkd_x")];
            device.with_proof(proof.clone()).post(path, &form).await.must_be_error("invalid_client");
        }
    }
    for method in [AuthMethod::None, AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost] {
        server.client(method.as_str(), SCOPE, |client| client.auth_method = method).await;
        let assertion = signer.assertion(method.as_str());
        present(&device, ENDPOINTS[0], &assertion).await.must_be_error("invalid_client");
    }
}

#[tokio::test]
async fn an_assertion_stands_alone_and_says_its_type() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    let assertion = signer.assertion("robot");
    let given = |more: &[(&str, &str)]| {
        let form: Vec<_> = more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        device.request(ENDPOINTS[0]).form(&form)
    };
    let both = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.as_str())];
    let with_secret = [both[0], both[1], ("client_secret", "s3cret")];
    for contradiction in [
        given(&both[..1]),
        given(&both[1..]),
        given(&with_secret),
        given(&both).basic_auth("robot", Some("s3cret")),
        given(&both[..1]).basic_auth("robot", Some("s3cret")),
        given(&[both[0], both[1], both[1]]),
    ] {
        send(contradiction).await.must_be_error("invalid_request");
    }
    for other in [
        "urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
        "urn:ietf:params:oauth:client-assertion-type:JWT-bearer",
        "jwt-bearer",
    ] {
        let form = [("client_assertion_type", other), both[1]];
        send(given(&form)).await.must_be_error("invalid_client");
    }
    assert_eq!(send(given(&both)).await.status, 200, "nothing of this used the assertion up");
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_signature_look_alike() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    server.client("gone", SCOPE, |client| client.auth_method = AuthMethod::PrivateKeyJwt).await;
    server.change_client("gone", |client| client.enabled = false).await;
    let foreign = signer.with_key(&ClientKey::generate(SigningAlgorithm::Es256));
    let wrong = present(&device, ENDPOINTS[0], &foreign.assertion("robot")).await;
    wrong.must_be_error("invalid_client");
    present(&device, ENDPOINTS[0], &foreign.assertion("robot\0")).await.must_be_error("invalid_client");
    for id in ["nobody", "gone", ""] {
        let answer = present(&device, ENDPOINTS[0], &foreign.assertion(id)).await;
        assert_eq!(answer.must_be_error("invalid_client").text, wrong.text, "{id:?}");
    }
}

#[tokio::test]
async fn a_disabled_client_is_refused_and_its_assertion_is_not_used_up() {
    let server = TestServer::start().await;
    let (device, signer) = robot(&server).await;
    let assertion = signer.assertion("robot");
    server.change_client("robot", |client| client.enabled = false).await;
    present(&device, ENDPOINTS[0], &assertion).await.must_be_error("invalid_client");
    server.change_client("robot", |client| client.enabled = true).await;
    assert_eq!(present(&device, ENDPOINTS[0], &assertion).await.status, 200);
}

#[tokio::test]
async fn an_assertion_for_one_tenant_is_none_for_another() {
    let server = TestServer::start().await;
    let (acme, acme_base) = server.tenant("acme").await;
    let (device, signer) = robot(&server).await;
    let keys = ClientKeys::Registered(signer.key.jwks().into());
    let at_acme = server
        .client_of(acme, &acme_base, "robot", SCOPE, |client| {
            client.auth_method = AuthMethod::PrivateKeyJwt;
            client.keys = Some(keys);
        })
        .await;
    // The same client id and key at both.
    present(&at_acme, ENDPOINTS[0], &signer.assertion("robot")).await.must_be_error("invalid_client");
    let for_acme = Signer { issuer: acme_base.clone(), ..signer.clone() };
    present(&device, ENDPOINTS[0], &for_acme.assertion("robot")).await.must_be_error("invalid_client");
    assert_eq!(present(&at_acme, ENDPOINTS[0], &for_acme.assertion("robot")).await.status, 200);
}

#[tokio::test]
async fn a_server_may_insist_on_the_type() {
    let server = TestServer::with(|config| config.clients.require_assertion_typ = true).await;
    let (device, signer) = robot(&server).await;
    for header in [with(signer.header(), "typ", json!("JWT")), json!({"alg": "ES256"})] {
        let assertion = signer.key.sign(header, signer.claims("robot"));
        present(&device, ENDPOINTS[0], &assertion).await.must_be_error("invalid_client");
    }
    assert_eq!(present(&device, ENDPOINTS[0], &signer.assertion("robot")).await.status, 200);
}

#[tokio::test]
async fn a_failed_proof_leaves_code_and_refresh_token_as_they_were() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let (device, signer) = robot(&server).await;
    let foreign = signer.with_key(&ClientKey::generate(SigningAlgorithm::Es256));
    let impostor = device.with_proof(Proof::PrivateKey(foreign));

    let started = device.start(SCOPE).await;
    ada.approve(&started.user_code).await;
    let before = server.rows().await;
    for _ in 0..5 {
        impostor.poll(&started).await.must_be_error("invalid_client");
    }
    assert_eq!(server.rows().await, before);
    let tokens = device.poll(&started).await;
    tokens.must_be_tokens();

    let refresh_token = tokens.string("refresh_token");
    let before = server.rows().await;
    for _ in 0..5 {
        impostor.refresh(&refresh_token).await.must_be_error("invalid_client");
    }
    assert_eq!(server.rows().await, before);
    device.refresh(&refresh_token).await.must_be_tokens();
}

#[tokio::test]
async fn what_is_issued_to_one_client_is_of_no_use_to_another_that_signs() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let (device, _) = robot(&server).await;
    let other = server.client("other", SCOPE, |client| client.auth_method = AuthMethod::PrivateKeyJwt).await;
    let started = device.start(SCOPE).await;
    ada.approve(&started.user_code).await;
    other.poll(&started).await.must_be_error("invalid_grant");
    device.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn keys_and_method_are_registered_together_or_not_at_all() {
    let server = TestServer::start().await;
    let key = ClientKey::generate(SigningAlgorithm::Es256);
    let public = ClientKeys::Registered(key.jwks().into());
    let published = |uri: &str| Some(ClientKeys::Published(uri.parse().unwrap()));
    let private =
        ClientKeys::Registered(json!({"keys": [with(key.public_jwk.clone(), "d", json!("AA"))]}).into());
    let symmetric = ClientKeys::Registered(json!({"keys": [{"kty": "oct", "k": "AAAA"}]}).into());
    for (method, keys, expected) in [
        (AuthMethod::PrivateKeyJwt, None, "private_key_jwt"),
        (AuthMethod::None, Some(public.clone()), "private_key_jwt"),
        (AuthMethod::ClientSecretBasic, published("https://keys.example.org/"), "private_key_jwt"),
        (AuthMethod::PrivateKeyJwt, Some(private), "public keys"),
        (AuthMethod::PrivateKeyJwt, Some(symmetric), "public JWK"),
        (AuthMethod::PrivateKeyJwt, Some(ClientKeys::Registered(json!({"keys": []}).into())), "1 to 10 keys"),
        (AuthMethod::PrivateKeyJwt, published("http://keys.example.org/"), "https"),
        (AuthMethod::PrivateKeyJwt, published("https://keys.example.org/#x"), "https"),
        (AuthMethod::PrivateKeyJwt, published("https://a:b@keys.example.org/"), "https"),
        (AuthMethod::PrivateKeyJwt, published("https://127.0.0.1/"), "https"),
    ] {
        let id = ClientId::parse("new").unwrap();
        let client = Client { auth_method: method, keys, ..Client::public(DEFAULT_TENANT, id) };
        let refusal = clients::create(&server.app, client, &latchkey::domain::audit::By::OPERATOR)
            .await
            .expect_err(expected);
        assert!(refusal.to_string().contains(expected), "{refusal} should name {expected}");
    }
    let (device, signer) = robot(&server).await;
    let client =
        latchkey::store::clients::find(&server.app.db, DEFAULT_TENANT, "robot").await.unwrap().unwrap();
    let refusal = clients::change(
        &server.app,
        &client,
        &latchkey::model::version::MeantFor::Any,
        &latchkey::domain::audit::By::OPERATOR,
        |client| client.keys = None,
    )
    .await;
    assert!(matches!(refusal, Err(ClientError::KeysDoNotFitMethod)), "{refusal:?}");
    assert_eq!(present(&device, ENDPOINTS[0], &signer.assertion("robot")).await.status, 200);
}
