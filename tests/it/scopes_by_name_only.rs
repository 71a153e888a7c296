//! Scopes that an administrator gives to a client by name: `admin`, `admin:read`, `device:approve`, `clients`.

use latchkey::model::client::{AuthMethod, Client, GrantType};
use latchkey::model::scope::BY_NAME_ONLY;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::device::{Proof, send};
use crate::support::{Answer, Device, TestServer};

const APPS: &str = "/account/oauth/clients";
const CLIENTS: &str = "/admin/oauth/clients";

async fn call(server: &TestServer, token: &str, method: Method, path: &str, body: Value) -> Answer {
    let request = server.http.request(method, format!("{}{path}", server.base));
    send(request.bearer_auth(token).json(&body)).await
}

/// A server whose administrators may create apps, and the access token of one of them for everything.
async fn with_grace() -> (TestServer, String) {
    let maker = |config: &mut latchkey::config::Config| {
        config.clients.owner_role = Some("admin".parse().expect("a role"));
    };
    let server = TestServer::with(maker).await;
    let console = server.public_client("console", "openid admin clients").await;
    let grace = server.person("grace", &["admin"]).await;
    let token = console.connect(&grace, "openid admin clients").await.string("access_token");
    (server, token)
}

#[tokio::test]
async fn an_owned_client_never_gets_a_scope_that_is_given_by_name() {
    let (server, token) = with_grace().await;
    let new = json!({"scopes": ["openid"], "grant_types": ["refresh_token"]});
    let app = call(&server, &token, Method::POST, APPS, new).await;
    let path = format!("{APPS}/{}", app.string("client_id"));
    let by_admin = format!("{CLIENTS}/{}", app.string("client_id"));
    server.public_client("operators", &format!("openid {}", BY_NAME_ONLY.join(" "))).await;
    let given = json!({"owner_id": server.user_id("grace").await.to_string()});
    for name in BY_NAME_ONLY {
        let scopes = json!({"scopes": ["openid", name]});
        for (method, path) in
            [(Method::POST, APPS), (Method::PATCH, path.as_str()), (Method::PATCH, by_admin.as_str())]
        {
            let refused = call(&server, &token, method, path, scopes.clone()).await;
            assert_eq!(
                (refused.status.as_u16(), refused.error()),
                (422, "validation_failed"),
                "{name} {path}"
            );
        }
    }
    let refused = call(&server, &token, Method::PATCH, &format!("{CLIENTS}/operators"), given).await;
    assert_eq!(refused.status, 422, "a client that has such a scope is given to a user: {refused:?}");
}

#[tokio::test]
async fn what_an_unverified_client_is_registered_for_already_does_not_apply() {
    let (server, _) = with_grace().await;
    let grace_id = server.user_id("grace").await;
    let grace = crate::support::Person::new(&server.base, "grace", crate::support::server::PASSWORD);
    server.public_client("owned", "openid").await;
    server.public_client("registered", "openid").await;
    server.change_client("owned", |client| client.owner = Some(grace_id)).await;
    server
        .execute(
            "UPDATE clients SET scopes = '{admin,admin:read,clients,device:approve,openid}',
                    registered_dynamically = client_id = 'registered' WHERE client_id IN ('owned', 'registered')",
        )
        .await;
    server.app.cached.renew();
    for id in ["owned", "registered"] {
        let app = Device::new(server.http.clone(), &server.base, id, Proof::None);
        for name in BY_NAME_ONLY {
            app.ask(&[("scope", name)]).await.must_be_error("invalid_scope");
        }
        let codes = app.ask(&[]).await;
        grace.approve(&codes.string("user_code")).await;
        let tokens = app.poll_code(&codes.string("device_code"), &[]).await;
        assert_eq!(tokens.string("scope"), "openid", "{id}");
    }
}

#[tokio::test]
async fn a_first_party_client_inherits_no_scope_that_is_given_by_name() {
    let (server, _) = with_grace().await;
    let grace = crate::support::Person::new(&server.base, "grace", crate::support::server::PASSWORD);
    let ours = server
        .client("ours", "", |client| {
            client.first_party = true;
            client.scope_policy = latchkey::model::client::ScopePolicy::Inherit;
        })
        .await;
    let codes = ours.ask(&[]).await;
    grace.approve(&codes.string("user_code")).await;
    let scope = ours.poll_code(&codes.string("device_code"), &[]).await.string("scope");
    assert!(scope.split(' ').all(|name| !BY_NAME_ONLY.contains(&name)), "{scope}");
    assert!(scope.contains("devices"), "{scope}");
}

#[tokio::test]
async fn a_token_is_offered_the_scopes_that_it_can_pass_on_and_no_others() {
    let (server, _) = with_grace().await;
    let grace = crate::support::Person::new(&server.base, "grace", crate::support::server::PASSWORD);
    let front_end = server.front_end(&grace).await;
    let tool = server.public_client("tool", &format!("openid email {}", BY_NAME_ONLY.join(" "))).await;
    for (asked, offered) in [
        ("openid email admin", vec!["email", "openid"]),
        ("openid clients device:approve", vec!["device:approve", "openid"]),
        ("openid email", vec!["email", "openid"]),
    ] {
        let (whole, named) = (tool.start(asked).await, tool.start(asked).await);
        let read = front_end.read(&whole.user_code).await;
        assert_eq!(read.json["granted_scopes"], json!(offered), "{asked}");
        let scopes = json!({"scopes": read.json["granted_scopes"]});
        front_end.decide(&named.user_code, "approve", scopes).await.must_be_decided("approved");
        front_end.decide(&whole.user_code, "approve", json!({})).await.must_be_decided("approved");
        for codes in [whole, named] {
            assert_eq!(tool.poll(&codes).await.string("scope"), offered.join(" "), "{asked}");
        }
    }
}

#[tokio::test]
async fn a_token_does_not_approve_an_administrators_device() {
    let (server, _) = with_grace().await;
    let grace = crate::support::Person::new(&server.base, "grace", crate::support::server::PASSWORD);
    let front_end = server.front_end(&grace).await;
    let tool = server.public_client("tool", "openid admin").await;
    let (both, only) = (tool.start("openid admin").await, tool.start("admin").await);
    assert_eq!(front_end.read(&only.user_code).await.json["granted_scopes"], json!([]));
    for (codes, choice) in [
        (&both, json!({"scopes": ["openid", "admin"]})),
        (&only, json!({"scopes": ["admin"]})),
        (&only, json!({})),
    ] {
        let refused = front_end.decide(&codes.user_code, "approve", choice).await;
        refused.must_be_error("invalid_scope");
        assert!(refused.text.contains("/device"), "{refused:?}");
    }
    for codes in [&both, &only] {
        tool.poll(codes).await.must_be_error("authorization_pending");
    }
    // The user approves it in the browser.
    grace.approve(&only.user_code).await;
    assert_eq!(tool.poll(&only).await.string("scope"), "admin");
}

#[tokio::test]
async fn an_owned_client_gets_nothing_for_itself_that_a_role_must_grant() {
    let (server, _) = with_grace().await;
    server.scope("videos", Some("editor")).await;
    server.scope("music", None).await;
    let grace_id = server.user_id("grace").await;
    let itself = |client: &mut Client| {
        client.auth_method = AuthMethod::ClientSecretBasic;
        client.grant_types = vec![GrantType::ClientCredentials];
    };
    let own = server.client("own", "videos music", itself).await;
    let registered = server.client("registered", "videos music", itself).await;
    let operators = server.client("operators", "videos music", itself).await;
    server.change_client("own", |client| client.owner = Some(grace_id)).await;
    server.execute("UPDATE clients SET registered_dynamically = true WHERE client_id = 'registered'").await;
    server.app.cached.renew();
    let grant = ("grant_type", "client_credentials");
    for unverified in [own, registered] {
        unverified.token(&[grant, ("scope", "videos")]).await.must_be_error("invalid_scope");
        assert_eq!(unverified.token(&[grant]).await.string("scope"), "music");
    }
    assert_eq!(operators.token(&[grant]).await.string("scope"), "music videos");
}
