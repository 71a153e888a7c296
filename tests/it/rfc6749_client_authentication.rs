//! RFC 6749 §2.3: a client proves who it is; a secret is taken in the header and in the body.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::domain::audit::By;
use latchkey::domain::policies;
use latchkey::model::bearer_secret::SecretHash;
use latchkey::model::client::AuthMethod;
use latchkey::model::policy::PolicyChanges;
use latchkey::model::tenant::TenantSlug;
use latchkey::model::version::MeantFor;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::support::device::{BodyType, DEVICE_GRANT, Proof, send};
use crate::support::{Answer, Device, TestServer};

const ENDPOINTS: [&str; 2] = ["/oauth/device-authorization", "/oauth/token"];

/// A registered confidential client with a secret of the test's choice.
async fn confidential(server: &TestServer, id: &str, method: AuthMethod, secret: &str) -> Device {
    let device = server.client(id, "openid", |client| client.auth_method = method).await;
    server.change_client(id, |client| client.secret_hash = Some(SecretHash::of(secret))).await;
    let secret = secret.to_owned();
    device.with_proof(match method {
        AuthMethod::ClientSecretBasic => Proof::Basic(secret),
        _ => Proof::Post(secret),
    })
}

/// Sends a form with an `Authorization` header.
async fn authorized(device: &Device, path: &str, authorization: &str, form: &[(&str, &str)]) -> Answer {
    send(device.request(path).header(AUTHORIZATION, authorization).form(form)).await
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

#[tokio::test]
async fn a_secret_is_accepted_in_the_header_and_in_the_body() {
    let server = TestServer::start().await;
    for (id, method) in [("header", AuthMethod::ClientSecretBasic), ("body", AuthMethod::ClientSecretPost)] {
        let device = confidential(&server, id, method, "s3cret").await;
        for (right, wrong) in [
            (Proof::Post("s3cret".to_owned()), Proof::Post("wrong".to_owned())),
            (Proof::Basic("s3cret".to_owned()), Proof::Basic("wrong".to_owned())),
        ] {
            let started = device.with_proof(right.clone()).start("openid").await;
            device.with_proof(right).poll(&started).await.must_be_error("authorization_pending");
            device.with_proof(wrong).poll(&started).await.must_be_error("invalid_client");
        }
    }
}

#[tokio::test]
async fn a_client_or_tenant_can_insist_on_the_registered_method() {
    let strict = json!({"client_authentication": {"secret_in": "as_registered"}});
    let strict: PolicyChanges = serde_json::from_value(strict).expect("a policy");
    let server = TestServer::start().await;
    let tenant = server.app.cached.tenant(&server.app.db, &TenantSlug::root()).await.unwrap().unwrap();
    let lenient = confidential(&server, "lenient", AuthMethod::ClientSecretBasic, "s3cret").await;
    let device = confidential(&server, "strict", AuthMethod::ClientSecretBasic, "s3cret").await;
    server.change_client("strict", |client| client.policy = strict.clone()).await;
    let by_body = Proof::Post("s3cret".to_owned());
    assert_eq!(device.ask(&[]).await.status, 200);
    device.with_proof(by_body.clone()).ask(&[]).await.must_be_error("invalid_client");
    assert_eq!(lenient.with_proof(by_body.clone()).ask(&[]).await.status, 200);
    let changed =
        policies::change_for_tenant(&server.app, &tenant, strict, &MeantFor::Any, &By::OPERATOR).await;
    changed.expect("the policy fits");
    lenient.with_proof(by_body).ask(&[]).await.must_be_error("invalid_client");
    assert_eq!(lenient.ask(&[]).await.status, 200);
}

#[tokio::test]
async fn a_public_client_may_send_basic_with_nothing_behind_the_colon() {
    let server = TestServer::start().await;
    let tv = server.tv().await.with_proof(Proof::Basic(String::new()));
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    let device = confidential(&server, "box", AuthMethod::ClientSecretBasic, "s3cret").await;
    let refused = device.with_proof(Proof::Basic(String::new())).ask(&[]).await;
    refused.must_be_error("invalid_client");
    assert_eq!(refused.status, 401, "{refused:?}");
}

#[tokio::test]
async fn a_strict_client_is_refused_the_other_place() {
    let server = TestServer::start().await;
    let by_header = confidential(&server, "header", AuthMethod::ClientSecretBasic, "s3cret").await;
    let by_body = confidential(&server, "body", AuthMethod::ClientSecretPost, "s3cret").await;
    let strict = json!({"client_authentication": {"secret_in": "as_registered"}});
    for id in ["header", "body"] {
        let strict = serde_json::from_value(strict.clone()).expect("a policy");
        server.change_client(id, |client| client.policy = strict).await;
    }
    by_header.start("openid").await;
    by_body.start("openid").await;
    for (device, other) in
        [(&by_header, Proof::Post("s3cret".to_owned())), (&by_body, Proof::Basic("s3cret".to_owned()))]
    {
        for path in ENDPOINTS {
            let parameters = [("grant_type", DEVICE_GRANT), ("device_code", "lkd_x")];
            device.with_proof(other.clone()).post(path, &parameters).await.must_be_error("invalid_client");
            device.with_proof(Proof::None).post(path, &parameters).await.must_be_error("invalid_client");
        }
    }
}

#[tokio::test]
async fn a_challenge_answers_the_header_and_introspection_only() {
    let server = TestServer::start().await;
    let device = confidential(&server, "box", AuthMethod::ClientSecretBasic, "s3cret").await;
    let form = [("grant_type", DEVICE_GRANT), ("device_code", "lkd_x"), ("token", "x")];
    let assertion = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "a.b.c"),
    ];
    for path in ["/oauth/device-authorization", "/oauth/token", "/oauth/revoke", "/oauth/introspect"] {
        let by_assertion: Vec<_> = form.iter().chain(&assertion).copied().collect();
        let bodies = [
            device.with_proof(Proof::Post("wrong".to_owned())).post(path, &form).await,
            device.with_proof(Proof::None).post(path, &form).await,
            send(device.request(path).form(&by_assertion)).await,
        ];
        let headers = [
            authorized(&device, path, &basic("box", "wrong"), &form).await,
            authorized(&device, path, &basic("box", ""), &form).await,
            authorized(&device, path, "Basic !!!", &form).await,
            authorized(&device, path, "Bearer abc", &form).await,
        ];
        let expected = if path == "/oauth/introspect" { 401 } else { 400 };
        for (answer, expected) in
            bodies.iter().map(|answer| (answer, expected)).chain(headers.iter().map(|answer| (answer, 401)))
        {
            assert_eq!(
                (answer.status.as_u16(), answer.error()),
                (expected, "invalid_client"),
                "{path} {answer:?}"
            );
            let is_challenged = answer.header("www-authenticate").starts_with("Basic realm=");
            assert_eq!(is_challenged, expected == 401, "{path} {answer:?}");
        }
    }
    let silent = send(device.request("/oauth/introspect").form(&[("token", "x")])).await;
    assert_eq!((silent.status.as_u16(), silent.error()), (401, "invalid_client"), "{silent:?}");
}

#[tokio::test]
async fn every_refused_proof_in_the_header_is_answered_with_a_challenge() {
    let server = TestServer::start().await;
    let device = confidential(&server, "box", AuthMethod::ClientSecretBasic, "s3cret").await;
    for path in ENDPOINTS {
        let grant = [("grant_type", DEVICE_GRANT)];
        let answer = authorized(&device, path, &basic("box", "wrong"), &grant).await;
        answer.must_be_error("invalid_client");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{answer:?}");
        let unknown = authorized(&device, path, &basic("nobody", "wrong"), &grant).await;
        assert_eq!(unknown.must_be_error("invalid_client").text, answer.text);
    }
}

#[tokio::test]
async fn identifier_and_secret_in_the_header_are_form_encoded() {
    let server = TestServer::start().await;
    // RFC 6749 §2.3.1: encoded as a form first, then as Basic credentials.
    let (id, secret) = ("my:client+1", "p%w+d: é");
    let device = confidential(&server, id, AuthMethod::ClientSecretBasic, secret).await;
    let encoded = basic("my%3Aclient%2B1", "p%25w%2Bd%3A+%C3%A9");
    assert_eq!(authorized(&device, ENDPOINTS[0], &encoded, &[]).await.status, 200);
    let lower = encoded.replacen("Basic", "bAsIc", 1);
    assert_eq!(authorized(&device, ENDPOINTS[0], &lower, &[]).await.status, 200);
    let raw = basic("my%3Aclient%2B1", secret);
    authorized(&device, ENDPOINTS[0], &raw, &[]).await.must_be_error("invalid_client");
}

#[tokio::test]
async fn two_ways_at_once_are_one_too_many() {
    let server = TestServer::start().await;
    let device = confidential(&server, "box", AuthMethod::ClientSecretBasic, "s3cret").await;
    let header = basic("box", "s3cret");
    let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for path in ENDPOINTS {
        for second in [
            &[("client_secret", "s3cret")][..],
            &[("client_id", "box"), ("client_secret", "s3cret")],
            &[("client_assertion_type", assertion_type), ("client_assertion", "a.b.c")],
        ] {
            let mut form = vec![("grant_type", DEVICE_GRANT), ("device_code", "lkd_x")];
            form.extend(second);
            authorized(&device, path, &header, &form).await.must_be_error("invalid_request");
        }
    }
}

#[tokio::test]
async fn the_identifier_in_the_body_may_repeat_the_headers_but_not_contradict_it() {
    let server = TestServer::start().await;
    let device = confidential(&server, "box", AuthMethod::ClientSecretBasic, "s3cret").await;
    server.tv().await;
    let header = basic("box", "s3cret");
    let same = authorized(&device, ENDPOINTS[0], &header, &[("client_id", "box")]).await;
    assert_eq!(same.status, 200, "{same:?}");
    for other in ["tv", "BOX", "nobody"] {
        let answer = authorized(&device, ENDPOINTS[0], &header, &[("client_id", other)]).await;
        answer.must_be_error("invalid_request");
    }
}

#[tokio::test]
async fn a_public_client_that_sends_a_secret_is_refused() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    for proof in [Proof::Post("anything".to_owned()), Proof::Basic("anything".to_owned())] {
        tv.with_proof(proof).ask(&[]).await.must_be_error("invalid_client");
    }
    // A parameter without a value counts as absent (RFC 6749 §3.2).
    assert_eq!(tv.with_proof(Proof::Post(String::new())).ask(&[]).await.status, 200);
}

#[tokio::test]
async fn a_confidential_client_has_no_empty_secret() {
    let server = TestServer::start().await;
    let device = confidential(&server, "box", AuthMethod::ClientSecretBasic, "s3cret").await;
    let hash = hex::encode(SecretHash::of("s3cret").0);
    for secret in ["", " ", "S3CRET", "s3cret ", &hash] {
        let proof = Proof::Basic(secret.to_owned());
        device.with_proof(proof).ask(&[]).await.must_be_error("invalid_client");
    }
}

#[tokio::test]
async fn an_unreadable_header_is_refused_in_the_usual_shape() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let (no_colon, no_id) = (format!("Basic {}", STANDARD.encode("box")), basic("", "s3cret"));
    let (nul, broken) = (basic("a\0b", "s"), basic("%zz", "s"));
    let not_text = format!("Basic {}", STANDARD.encode([b'b', 0xff, b':', b's']));
    for header in [
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        &no_colon,
        &no_id,
        &nul,
        &broken,
        &not_text,
        "Bearer abc",
        "Negotiate x",
    ] {
        for path in ENDPOINTS {
            let form = [("client_id", "tv"), ("grant_type", DEVICE_GRANT)];
            authorized(&tv, path, header, &form).await.must_be_error("invalid_client");
        }
    }
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let server = TestServer::start().await;
    let device = confidential(&server, "box", AuthMethod::ClientSecretBasic, "s3cret").await;
    for path in ENDPOINTS {
        let request = device.request(path).form(&[("grant_type", DEVICE_GRANT)]);
        let request = request.header(AUTHORIZATION, basic("box", "s3cret"));
        send(request.header(AUTHORIZATION, basic("box", "s3cret"))).await.must_be_error("invalid_request");
    }
}

#[tokio::test]
async fn a_client_assertion_is_not_taken_for_a_proof() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let assertion = [
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "a.b.c"),
    ];
    tv.ask(&assertion).await.must_be_error("invalid_client");
}

#[tokio::test]
async fn proofs_in_bodies_of_every_type_are_checked_alike() {
    let server = TestServer::start().await;
    let device = confidential(&server, "box", AuthMethod::ClientSecretPost, "s3cret").await;
    for body in BodyType::ALL {
        let ask = |secret| {
            let form = [("client_id", "box"), ("client_secret", secret)];
            send(body.fill(device.request(ENDPOINTS[0]), &form))
        };
        assert_eq!(ask("s3cret").await.status, 200, "{body:?}");
        ask("wrong").await.must_be_error("invalid_client");
        ask("s3cret\0").await.must_be_error("invalid_request");
        let by_header = body.fill(device.request(ENDPOINTS[0]), &[("client_id", "box")]);
        let by_header = by_header.header(AUTHORIZATION, basic("box", "wrong"));
        send(by_header).await.must_be_error("invalid_client");
    }
}

#[tokio::test]
async fn wrong_secrets_lock_nobody_out_and_leave_nothing_behind() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let device = confidential(&server, "box", AuthMethod::ClientSecretPost, "s3cret").await;
    let started = device.start("openid").await;
    ada.approve(&started.user_code).await;
    let wrong = device.with_proof(Proof::Post("wrong".to_owned()));
    for _ in 0..40 {
        wrong.poll(&started).await.must_be_error("invalid_client");
    }
    assert_eq!(server.count("SELECT poll_count FROM device_authorizations").await, 0);
    device.poll(&started).await.must_be_tokens();
}
