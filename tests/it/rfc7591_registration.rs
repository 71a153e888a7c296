//! RFC 7591 and RFC 7592: clients register themselves and manage their registration.

use chrono::TimeDelta;
use latchkey::domain::audit::By;
use latchkey::domain::clients::registration_tokens;
use latchkey::model::client::GrantType;
use latchkey::model::scope::ScopeSet;
use latchkey::model::tenant::DEFAULT_TENANT;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::device::{Proof, send};
use crate::support::{Answer, Device, TestServer, jwt};

async fn open_server() -> TestServer {
    TestServer::with(|config| config.registration.enabled = true).await
}

async fn initial_token(server: &TestServer, uses: i32) -> String {
    let life = TimeDelta::hours(1);
    let made =
        registration_tokens::create(&server.app, DEFAULT_TENANT, "partner", uses, life, &By::OPERATOR).await;
    made.expect("the token is made").1.expose().to_owned()
}

async fn ask(server: &TestServer, method: Method, url: &str, token: &str, body: Option<Value>) -> Answer {
    let url = if url.starts_with("http") { url.to_owned() } else { format!("{}{url}", server.base) };
    let request = server.http.request(method, url).bearer_auth(token);
    send(if let Some(body) = body { request.json(&body) } else { request }).await
}

async fn register(server: &TestServer, token: &str, body: Value) -> Answer {
    ask(server, Method::POST, "/oauth/register", token, Some(body)).await
}

#[tokio::test]
async fn a_client_registers_and_connects_a_device() {
    let server = open_server().await;
    let token = initial_token(&server, 1).await;
    let made = register(
        &server,
        &token,
        json!({"client_name": "Lamp", "token_endpoint_auth_method": "none",
        "scope": "openid", "client_uri": "https://lamp.example/", "x-unknown": 1}),
    )
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("cache-control"), "no-store");
    assert!(made.json["client_id_issued_at"].is_i64() && made.json.get("x-unknown").is_none(), "{made:?}");
    assert_eq!(
        (&made.json["scope"], &made.json["client_uri"]),
        (&json!("openid"), &json!("https://lamp.example/"))
    );
    let lamp = Device::new(server.http.clone(), &server.base, &made.string("client_id"), Proof::None);
    let ada = server.ada().await;
    lamp.connect(&ada, "openid").await;
    // The token was good for one client.
    let used_up = register(&server, &token, json!({})).await;
    assert_eq!((used_up.status.as_u16(), used_up.error()), (401, "invalid_token"));
    assert!(used_up.header("www-authenticate").starts_with("Bearer"));
}

#[tokio::test]
async fn people_are_told_that_nobody_has_checked_it_and_nothing_is_fetched_that_it_names() {
    let server = open_server().await;
    let token = initial_token(&server, 1).await;
    let (logo, home) = ("https://lamp.example/logo.svg", "https://lamp.example/");
    let named = json!({"client_name": "<b>Your bank</b>", "token_endpoint_auth_method": "none", "scope": "openid",
                       "logo_uri": logo, "client_uri": home, "policy_uri": home, "tos_uri": home});
    let made = register(&server, &token, named).await;
    let lamp = Device::new(server.http.clone(), &server.base, &made.string("client_id"), Proof::None);
    let consent = server.ada().await.open(&lamp.start("openid").await.user_code).await;
    assert!(consent.shows("consent-claim-unverified"), "{consent:?}");
    assert!(consent.says("&#60;b&#62;Your bank&#60;/b&#62;"), "{consent:?}");
    assert!(!consent.says("lamp.example"), "{consent:?}");
    assert!(!consent.header("content-security-policy").contains("lamp.example"));
}

#[tokio::test]
async fn a_secret_is_told_once_and_never_expires() {
    let server = open_server().await;
    let token = initial_token(&server, 1).await;
    let made = register(&server, &token, json!({"client_name": "Lamp"})).await;
    assert_eq!((made.status.as_u16(), &made.json["client_secret_expires_at"]), (201, &json!(0)), "{made:?}");
    let own = made.string("registration_access_token");
    let read = ask(&server, Method::GET, &made.string("registration_client_uri"), &own, None).await;
    assert_eq!(read.status, 200);
    assert!(read.json.get("client_secret").is_none());
}

#[tokio::test]
async fn metadata_that_is_not_possible_is_refused_and_costs_no_use() {
    let server = open_server().await;
    let token = initial_token(&server, 1).await;
    for (error, body) in [
        ("invalid_client_metadata", json!({"grant_types": ["authorization_code"]})),
        ("invalid_client_metadata", json!({"grant_types": ["client_credentials"]})),
        ("invalid_client_metadata", json!({"response_types": "code"})),
        ("invalid_client_metadata", json!({"scope": "admin"})),
        ("invalid_client_metadata", json!({"logo_uri": "javascript:alert(1)"})),
        ("invalid_client_metadata", json!({"client_uri": "http://lamp.example/"})),
        (
            "invalid_client_metadata",
            json!({"token_endpoint_auth_method": "private_key_jwt",
            "jwks_uri": "https://127.0.0.1/jwks"}),
        ),
        ("invalid_redirect_uri", json!({"redirect_uris": ["/here"]})),
    ] {
        register(&server, &token, body.clone()).await.must_be_error(error);
    }
    assert_eq!(register(&server, &token, json!({})).await.status, 201);
}

#[tokio::test]
async fn a_registration_that_wants_more_grants_than_are_open_keeps_the_open_ones() {
    let server = open_server().await;
    let token = initial_token(&server, 2).await;
    // What Visual Studio Code sends.
    let wishes = json!({"client_name": "Editor", "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "response_types": ["code"], "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"]});
    let made = register(&server, &token, wishes).await;
    assert_eq!(made.status, 201, "{made:?}");
    let kept = json!(["refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]);
    assert_eq!((&made.json["grant_types"], &made.json["response_types"]), (&kept, &json!([])), "{made:?}");
    let editor = Device::new(server.http.clone(), &server.base, &made.string("client_id"), Proof::None);
    editor.connect(&server.ada().await, "openid").await;
}

#[tokio::test]
async fn a_registration_answers_the_algorithm_of_its_id_tokens() {
    let server = open_server().await;
    let token = initial_token(&server, 2).await;
    let silent = register(&server, &token, json!({"token_endpoint_auth_method": "none"})).await;
    let es256 = json!({"token_endpoint_auth_method": "none", "id_token_signed_response_alg": "ES256"});
    let es256 = register(&server, &token, es256).await;
    let ada = server.ada().await;
    for (made, algorithm) in [(silent, "RS256"), (es256, "ES256")] {
        assert_eq!(made.string("id_token_signed_response_alg"), algorithm);
        let app = Device::new(server.http.clone(), &server.base, &made.string("client_id"), Proof::None);
        let tokens = app.connect(&ada, "openid").await;
        let (header, _) = jwt::verify(&server, &server.base, &tokens.string("id_token")).await;
        assert_eq!(format!("{:?}", header.alg), algorithm);
        let (header, _) = jwt::verify(&server, &server.base, &tokens.string("access_token")).await;
        assert_eq!(format!("{:?}", header.alg), "ES256");
    }
}

#[tokio::test]
async fn a_client_does_not_undo_what_an_administrator_restricted() {
    let server = open_server().await;
    let token = initial_token(&server, 1).await;
    let wishes = json!({"client_name": "Lamp", "token_endpoint_auth_method": "none",
        "scope": "openid profile email offline_access",
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]});
    let made = register(&server, &token, wishes.clone()).await;
    let (id, own, uri) = (
        made.string("client_id"),
        made.string("registration_access_token"),
        made.string("registration_client_uri"),
    );
    server.scope("videos", None).await;
    server
        .change_client(&id, |client| {
            client.name = "A lamp".to_owned();
            client.grant_types = vec![GrantType::DeviceCode];
            client.scopes = ScopeSet::parse("openid email videos").unwrap();
            client.dpop_bound_access_tokens = true;
        })
        .await;
    let put = async |change: Value| {
        let mut body = wishes.clone();
        body["client_id"] = json!(id);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        ask(&server, Method::PUT, &uri, &own, Some(body)).await
    };
    for (change, scope) in [
        (json!({}), "email openid"),
        (json!({"scope": "openid profile"}), "openid"),
        (
            json!({"scope": null, "grant_types": null, "dpop_bound_access_tokens": false}),
            "email openid videos",
        ),
        (json!({"scope": "openid videos"}), "openid videos"),
    ] {
        let changed = put(change.clone()).await;
        assert_eq!(changed.status, 200, "{change} {changed:?}");
        assert_eq!(changed.json["scope"], scope, "{change}");
        assert_eq!(changed.json["grant_types"], json!(["urn:ietf:params:oauth:grant-type:device_code"]));
        assert_eq!(
            (&changed.json["client_name"], &changed.json["dpop_bound_access_tokens"]),
            (&json!("A lamp"), &json!(true)),
            "{change}"
        );
    }
    put(json!({"scope": "openid admin"})).await.must_be_error("invalid_client_metadata");
    put(json!({"grant_types": ["refresh_token"]})).await.must_be_error("invalid_client_metadata");
}

#[tokio::test]
async fn tokens_that_are_none_or_over_or_elsewhere_open_nothing() {
    let server = open_server().await;
    let token = initial_token(&server, 5).await;
    assert_eq!(register(&server, "lki_nonsense", json!({})).await.status, 401);
    let elsewhere = {
        server.tenant("acme").await;
        ask(&server, Method::POST, "/t/acme/oauth/register", &token, Some(json!({}))).await
    };
    assert_eq!(elsewhere.status, 401);
    server.clock.advance(3600.0);
    assert_eq!(register(&server, &token, json!({})).await.status, 401);
}

#[tokio::test]
async fn where_it_is_off_there_is_nothing() {
    let server = TestServer::start().await;
    assert_eq!(register(&server, "x", json!({})).await.status, 404);
    let metadata = server.get("/.well-known/oauth-authorization-server").await;
    assert!(metadata.json.get("registration_endpoint").is_none());
    let open = open_server().await.get("/.well-known/oauth-authorization-server").await;
    assert!(open.string("registration_endpoint").ends_with("/oauth/register"));
}

#[tokio::test]
async fn a_registration_is_replaced_whole_and_ended_with_its_tokens() {
    let server = open_server().await;
    let token = initial_token(&server, 2).await;
    let new =
        json!({"client_name": "Lamp", "token_endpoint_auth_method": "none", "contacts": ["a@lamp.example"]});
    let made = register(&server, &token, new.clone()).await;
    let (id, own, uri) = (
        made.string("client_id"),
        made.string("registration_access_token"),
        made.string("registration_client_uri"),
    );
    let change = |body: Value| ask(&server, Method::PUT, &uri, &own, Some(body));
    for wrong in [
        json!({"client_name": "Lamp", "token_endpoint_auth_method": "none"}),
        json!({"client_id": "other", "token_endpoint_auth_method": "none"}),
        json!({"client_id": id, "token_endpoint_auth_method": "none", "client_secret": "chosen"}),
        json!({"client_id": id, "token_endpoint_auth_method": "none", "client_id_issued_at": 1}),
        json!({"client_id": id, "token_endpoint_auth_method": "client_secret_basic"}),
    ] {
        change(wrong).await.must_be_error("invalid_client_metadata");
    }
    let changed =
        change(json!({"client_id": id, "client_name": "Lamp 2", "token_endpoint_auth_method": "none"})).await;
    assert_eq!(
        (changed.status.as_u16(), &changed.json["client_name"]),
        (200, &json!("Lamp 2")),
        "{changed:?}"
    );
    assert!(changed.json.get("contacts").is_none());

    let other = register(&server, &token, new).await.string("registration_access_token");
    assert_eq!(ask(&server, Method::GET, &uri, &other, None).await.status, 401);
    let lamp = Device::new(server.http.clone(), &server.base, &id, Proof::None);
    let ada = server.ada().await;
    let tokens = lamp.connect(&ada, "openid offline_access").await;
    assert_eq!(ask(&server, Method::DELETE, &uri, &own, None).await.status, 204);
    assert_eq!(ask(&server, Method::GET, &uri, &own, None).await.status, 401);
    lamp.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_client");
}
