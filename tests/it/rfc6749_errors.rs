//! RFC 6749 §3.2, §5.2: parameters, and how a refusal looks. What holds for one media type holds for all three.

use latchkey::model::client::GrantType;
use reqwest::multipart;

use crate::support::device::{BodyType, DEVICE_GRANT, send};
use crate::support::{Answer, Device, TestServer};

const DEVICE_AUTHORIZATION: &str = "/oauth/device-authorization";
const TOKEN: &str = "/oauth/token";

/// Every text parameter that some endpoint understands, but `resource`, which may be repeated.
const ONCE: [(&str, &str); 11] = [
    (DEVICE_AUTHORIZATION, "client_id"),
    (DEVICE_AUTHORIZATION, "scope"),
    (DEVICE_AUTHORIZATION, "device_name"),
    (DEVICE_AUTHORIZATION, "metadata"),
    (DEVICE_AUTHORIZATION, "unknown"),
    (TOKEN, "grant_type"),
    (TOKEN, "client_id"),
    (TOKEN, "client_secret"),
    (TOKEN, "device_code"),
    (TOKEN, "refresh_token"),
    (TOKEN, "scope"),
];

/// Sends pairs that may repeat a name.
async fn send_pairs(device: &Device, path: &str, body: BodyType, pairs: &[(&str, &str)]) -> Answer {
    let request = device.request(path);
    send(match body {
        BodyType::Form => request.form(pairs),
        BodyType::Json => {
            let members: Vec<_> = pairs.iter().map(|(name, value)| format!("{name:?}:{value:?}")).collect();
            request.header("content-type", "application/json").body(format!("{{{}}}", members.join(",")))
        }
        BodyType::Multipart => {
            request.multipart(pairs.iter().fold(multipart::Form::new(), |form, (name, value)| {
                form.text((*name).to_owned(), (*value).to_owned())
            }))
        }
    })
    .await
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused_also_with_one_value() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    for body in BodyType::ALL {
        for (path, name) in ONCE {
            for second in ["tv", "openid", ""] {
                let pairs = [(name, "tv"), ("x", "y"), (name, second)];
                send_pairs(&tv, path, body, &pairs).await.must_be_error("invalid_request");
            }
        }
    }
    let nothing_first = r#"{"client_id":null,"client_id":"tv"}"#;
    let request = tv.request(DEVICE_AUTHORIZATION).header("content-type", "application/json");
    send(request.body(nothing_first)).await.must_be_error("invalid_request");
}

#[tokio::test]
async fn only_a_resource_may_be_repeated() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    for body in BodyType::ALL {
        let pairs =
            [("client_id", "tv"), ("resource", "https://a.example"), ("resource", "https://b.example")];
        send_pairs(&tv, DEVICE_AUTHORIZATION, body, &pairs).await.must_be_error("invalid_target");
    }
    let list = serde_json::json!({"client_id": "tv", "resource": ["https://a.example", "https://b.example"]});
    send(tv.request(DEVICE_AUTHORIZATION).json(&list)).await.must_be_error("invalid_target");
}

#[tokio::test]
async fn a_parameter_without_a_value_counts_as_absent() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for body in BodyType::ALL {
        let empty =
            [("client_id", "tv"), ("scope", ""), ("resource", ""), ("device_name", ""), ("metadata", "")];
        let started = send_pairs(&tv, DEVICE_AUTHORIZATION, body, &empty).await;
        assert_eq!(started.status, 200, "{body:?} {started:?}");
        ada.approve(&started.string("user_code")).await;
        let code = started.string("device_code");
        let pairs = [("grant_type", DEVICE_GRANT), ("client_id", ""), ("device_code", &code)];
        send_pairs(&tv, TOKEN, body, &pairs).await.must_be_error("invalid_request");
        let pairs =
            [("grant_type", DEVICE_GRANT), ("client_id", "tv"), ("device_code", &code), ("scope", "")];
        send_pairs(&tv, TOKEN, body, &pairs).await.must_be_tokens();
    }
}

#[tokio::test]
async fn parameters_in_the_address_are_never_looked_at() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    let all = format!("{TOKEN}?grant_type={DEVICE_GRANT}&client_id=tv&device_code={}", started.device_code);
    send(tv.request(&all).form(&[("x", "y")])).await.must_be_error("invalid_request");
    let client = [("client_id", "tv"), ("grant_type", DEVICE_GRANT)];
    send(tv.request(&all).form(&client)).await.must_be_error("invalid_request");
    let asked = send(tv.request(&format!("{DEVICE_AUTHORIZATION}?client_id=tv")).form(&[("x", "y")])).await;
    asked.must_be_error("invalid_request");
    // Nor do they contradict what the body says.
    let other = format!("{TOKEN}?grant_type=refresh_token&client_id=other&device_code=x&scope=admin");
    let form = [("client_id", "tv"), ("grant_type", DEVICE_GRANT), ("device_code", &started.device_code)];
    send(tv.request(&other).form(&form)).await.must_be_tokens();
}

#[tokio::test]
async fn a_grant_that_the_client_may_not_use_is_told_from_one_that_nobody_may() {
    let server = TestServer::start().await;
    let grants = |client: &mut latchkey::model::client::Client| {
        client.grant_types = vec![GrantType::DeviceCode];
    };
    let device = server.client("once", "openid", grants).await;
    device.refresh("lkr_x").await.must_be_error("unauthorized_client");
    for grant in ["password", "implicit", "authorization_code", "REFRESH_TOKEN"] {
        let answer = device.token(&[("grant_type", grant), ("username", "ada"), ("password", "x")]).await;
        answer.must_be_error("unsupported_grant_type");
    }
    device.token(&[]).await.must_be_error("invalid_request");
}

#[tokio::test]
async fn a_value_has_at_most_four_kilobytes() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let (fits, long) = ("a".repeat(4096), "a".repeat(4097));
    for body in BodyType::ALL {
        for (path, name) in ONCE {
            let pairs = [(name, long.as_str())];
            send_pairs(&tv, path, body, &pairs).await.must_be_error("invalid_request");
        }
        let pairs = [("client_id", "tv"), ("unknown", fits.as_str())];
        assert_eq!(send_pairs(&tv, DEVICE_AUTHORIZATION, body, &pairs).await.status, 200);
    }
}

#[tokio::test]
async fn what_was_sent_is_never_repeated_in_a_refusal() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let hostile = "<script>\"\\\r\n'{{7*7}}é";
    for (path, pairs) in [
        (TOKEN, &[("grant_type", hostile), ("client_id", "tv")][..]),
        (TOKEN, &[("grant_type", DEVICE_GRANT), ("client_id", hostile), ("device_code", "x")]),
        (TOKEN, &[("grant_type", DEVICE_GRANT), ("client_id", "tv"), ("device_code", hostile)]),
        (TOKEN, &[("grant_type", "refresh_token"), ("client_id", "tv"), ("refresh_token", hostile)]),
        (DEVICE_AUTHORIZATION, &[("client_id", "tv"), ("scope", hostile)]),
        (DEVICE_AUTHORIZATION, &[("client_id", "tv"), ("device_name", hostile)]),
        (DEVICE_AUTHORIZATION, &[("client_id", "tv"), ("metadata", hostile)]),
        (DEVICE_AUTHORIZATION, &[("client_id", "tv"), ("resource", hostile)]),
    ] {
        let answer = send_pairs(&tv, path, BodyType::Multipart, pairs).await;
        assert!(answer.status.is_client_error(), "{answer:?}");
        answer.must_be_an_oauth_body();
        for part in ["<script", "7*7", "é"] {
            assert!(!answer.text.contains(part), "{answer:?}");
        }
        assert_eq!(answer.json.as_object().unwrap().len(), 2, "{answer:?}");
    }
}
