//! RFC 8628 §3.1: a device asks for codes.

use latchkey::model::client::{AuthMethod, GrantType};
use serde_json::json;

use crate::support::TestServer;
use crate::support::device::{BodyType, Proof, send};

const ENDPOINT: &str = "/oauth/device-authorization";

#[tokio::test]
async fn a_public_client_asks_with_its_identifier_in_a_body_of_any_type() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    for body in BodyType::ALL {
        let parameters = [("client_id", "tv"), ("scope", "openid")];
        let answer = send(body.fill(tv.request(ENDPOINT), &parameters)).await;
        assert_eq!(answer.status, 200, "{body:?} {answer:?}");
        assert!(answer.json["device_code"].is_string(), "{body:?} {answer:?}");
    }
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE client_id = 'tv'").await, 3);
}

#[tokio::test]
async fn a_confidential_client_must_prove_itself_to_get_codes() {
    let server = TestServer::start().await;
    for method in [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost] {
        let device = server.client(method.as_str(), "openid", |client| client.auth_method = method).await;
        device.with_proof(Proof::None).ask(&[]).await.must_be_error("invalid_client");
        let wrong = match &device.proof {
            Proof::Basic(_) => Proof::Basic("wrong".to_owned()),
            _ => Proof::Post("wrong".to_owned()),
        };
        device.with_proof(wrong).ask(&[]).await.must_be_error("invalid_client");
        device.start("openid").await;
    }
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 2);
}

#[tokio::test]
async fn a_request_that_names_no_client_is_refused() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    send(tv.request(ENDPOINT).form(&[("scope", "openid")])).await.must_be_error("invalid_request");
}

#[tokio::test]
async fn unknown_and_disabled_clients_are_told_the_same() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    server.change_client("tv", |client| client.enabled = false).await;
    let disabled = tv.ask(&[]).await;
    let mut unknown = tv.clone();
    unknown.client_id = "nobody".to_owned();
    let unknown = unknown.ask(&[]).await;
    disabled.must_be_error("invalid_client");
    unknown.must_be_error("invalid_client");
    assert_eq!(disabled.text, unknown.text);
}

#[tokio::test]
async fn a_client_without_the_device_grant_gets_no_codes() {
    let server = TestServer::start().await;
    let grants = |client: &mut latchkey::model::client::Client| {
        client.grant_types = vec![GrantType::RefreshToken];
    };
    let device = server.client("renewer", "openid", grants).await;
    device.ask(&[]).await.must_be_error("unauthorized_client");
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 0);
}

#[tokio::test]
async fn a_scope_the_client_can_never_get_is_refused_before_anybody_is_asked() {
    let server = TestServer::start().await;
    let device = server.public_client("reader", "openid email").await;
    server.scope("billing", None).await;
    // Unknown, another client's, and one in other letters (scopes are case-sensitive, RFC 6749 §3.3).
    for scope in ["openid nonsense", "billing", "OpenID", "openid billing"] {
        device.ask(&[("scope", scope)]).await.must_be_error("invalid_scope");
    }
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 0);
}

#[tokio::test]
async fn characters_that_no_scope_may_have_are_refused() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    // RFC 6749 §3.3: one or more of %x21 / %x23-5B / %x5D-7E, separated by spaces.
    for scope in
        ["open\"id", "open\\id", "openid\temail", "openid\nemail", "öpenid", "openid\u{a0}email", " ", "   "]
    {
        tv.ask(&[("scope", scope)]).await.must_be_error("invalid_scope");
    }
}

#[tokio::test]
async fn the_order_and_repetition_of_scopes_do_not_matter() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, "profile openid profile email").await;
    assert_eq!(tokens.string("scope"), "email openid profile");
}

#[tokio::test]
async fn a_device_that_names_no_scope_asks_for_all_that_its_client_may_have() {
    let server = TestServer::start().await;
    let (reader, ada) = (server.public_client("reader", "openid email").await, server.ada().await);
    for parameters in [&[][..], &[("scope", "")]] {
        let started = reader.ask(parameters).await;
        ada.approve(&started.string("user_code")).await;
        let tokens = reader.poll_code(&started.string("device_code"), &[]).await;
        assert_eq!(tokens.must_be_tokens().string("scope"), "email openid");
    }
}

#[tokio::test]
async fn a_resource_that_is_not_known_is_refused() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    // RFC 8707 §2
    for resource in ["https://api.example.org/", "no-uri", "https://api.example.org/#fragment"] {
        tv.ask(&[("resource", resource)]).await.must_be_error("invalid_target");
    }
    let twice = [("resource", "https://a.example"), ("resource", "https://b.example")];
    tv.ask(&twice).await.must_be_error("invalid_target");
}

#[tokio::test]
async fn parameters_that_nobody_knows_are_ignored() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let answer = tv.ask(&[("login_hint", "ada"), ("nonce", "n"), ("x", "\"\\é")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = json!({"client_id": "tv", "debug": true, "retries": 3, "tags": ["a"], "more": {"b": null}});
    let answer = send(tv.request(ENDPOINT).json(&body)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_device_cannot_say_whose_it_will_be() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let eve = server.person("eve", &[]).await;
    let meant = server.user_id(&eve.username).await.to_string();
    let said = [("scope", "openid offline_access"), ("user_id", meant.as_str()), ("login_hint", "eve")];
    let started = tv.ask(&said).await;
    assert_eq!(started.status, 200, "{started:?}");
    ada.approve(&started.string("user_code")).await;
    let tokens = tv.poll_code(&started.string("device_code"), &[("user_id", meant.as_str())]).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let owner: uuid::Uuid = sqlx::query_scalar("SELECT user_id FROM devices")
        .fetch_one(&server.app.db)
        .await
        .expect("one device");
    assert_eq!(owner.to_string(), server.user_id(&ada.username).await.to_string());
}

#[tokio::test]
async fn what_the_device_says_about_itself_is_kept_for_its_owner() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let body = json!({
        "client_id": "tv", "device_name": " Wohnzimmer 📺 ", "os": "tvOS 20", "hostname": "tv.local",
        "client_version": "4.2", "metadata": {"serial": "A-1", "hdr": true},
    });
    let started = send(tv.request(ENDPOINT).json(&body)).await;
    ada.approve(&started.string("user_code")).await;
    tv.poll_code(&started.string("device_code"), &[("device_name", "Other")]).await.must_be_tokens();
    let kept = "SELECT count(*) FROM devices WHERE name = 'Wohnzimmer 📺' AND os = 'tvOS 20'
                AND hostname = 'tv.local' AND client_version = '4.2'
                AND metadata = '{\"serial\": \"A-1\", \"hdr\": true}'";
    assert_eq!(server.count(kept).await, 1);
}

#[tokio::test]
async fn a_description_that_cannot_be_shown_or_stored_is_refused() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let (long, deep) = ("x".repeat(129), "[".repeat(200));
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(4096));
    for (name, value) in [
        ("device_name", long.as_str()),
        ("os", "a\r\nb"),
        ("hostname", "\u{202e}moc.knab"),
        ("client_version", "1\u{7f}"),
        ("metadata", "[]"),
        ("metadata", "\"text\""),
        ("metadata", "{"),
        ("metadata", "{\"a\":\"\\u0000\"}"),
        ("metadata", "{\"a\":\"\\ud800\"}"),
        ("metadata", &deep),
        ("metadata", &large),
    ] {
        tv.ask(&[(name, value)]).await.must_be_error("invalid_request");
    }
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 0);
}
