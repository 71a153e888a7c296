//! RFC 6749 §2.3: a client proves who it is, in the one way it is registered for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::model::bearer_secret::SecretHash;
use latchkey::model::client::AuthMethod;
use reqwest::header::AUTHORIZATION;

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
async fn only_the_registered_method_is_accepted() {
    let server = TestServer::start().await;
    let by_header = confidential(&server, "header", AuthMethod::ClientSecretBasic, "s3cret").await;
    let by_body = confidential(&server, "body", AuthMethod::ClientSecretPost, "s3cret").await;
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
async fn every_refused_proof_is_answered_with_a_challenge() {
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
    for proof in
        [Proof::Post("anything".to_owned()), Proof::Basic("anything".to_owned()), Proof::Basic(String::new())]
    {
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
        let by_header = by_header.header(AUTHORIZATION, basic("box", "s3cret"));
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
    assert_eq!(server.count("SELECT poll_count FROM device_sessions").await, 0);
    device.poll(&started).await.must_be_tokens();
}
