//! One rule for a deed, wherever it is asked for: by the console, by REST with a cookie, by REST with a token.

use latchkey::model::client::AuthMethod;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::device::send;
use crate::support::{Answer, Person, TestServer};
use crate::tenant_isolation::{Operation, operations};

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";
const SCOPES: &str = "openid admin offline_access";

/// What the operations are tried on.
const CLIENT: &str = "tv";
const SCOPE: &str = "email";

/// Every operation that changes something: its id, whether it needs a recent sign-in, and a body for which it does or
/// does not.
fn deeds() -> Vec<(&'static str, bool, Value)> {
    let none = || json!({});
    vec![
        ("v1_admin_users_create", true, none()),
        ("v1_admin_users_update", true, none()),
        ("v1_admin_users_delete", true, none()),
        ("v1_admin_users_sign_out", true, none()),
        ("v1_admin_users_reset_password", true, none()),
        ("v1_admin_users_delete_second_factor", true, none()),
        ("v1_admin_device_authorizations_deny", false, none()),
        ("v1_admin_devices_revoke", true, json!({"status": "locked", "preview": false})),
        ("v1_admin_devices_revoke", false, json!({"status": "locked", "preview": true})),
        ("v1_admin_devices_delete", false, none()),
        ("v1_admin_devices_update", false, none()),
        ("v1_admin_devices_lock", false, none()),
        ("v1_admin_devices_unlock", false, none()),
        ("v1_admin_clients_create", true, json!({"client_id": "new", "grant_types": ["refresh_token"]})),
        ("v1_admin_clients_update", false, json!({"enabled": false})),
        ("v1_admin_clients_update", false, json!({"scopes": ["openid"]})),
        ("v1_admin_clients_update", true, json!({"enabled": true})),
        ("v1_admin_clients_update", true, json!({"scopes": ["openid", "admin"]})),
        ("v1_admin_clients_update", true, json!({"client_name": "The bank"})),
        ("v1_admin_client_policy_replace", true, none()),
        ("v1_admin_client_secret_rotate", true, none()),
        ("v1_admin_client_secret_retire", false, none()),
        ("v1_admin_clients_delete", true, none()),
        ("v1_admin_registration_tokens_create", true, json!({"name": "partners"})),
        ("v1_admin_registration_tokens_delete", false, none()),
        ("v1_admin_resources_create", false, none()),
        ("v1_admin_resources_update", false, json!({"name": "The API"})),
        ("v1_admin_resources_delete", false, none()),
        ("v1_admin_scopes_create", false, none()),
        ("v1_admin_scopes_update", false, json!({"description": "See your email address"})),
        ("v1_admin_scopes_update", true, json!({"required_role": null})),
        ("v1_admin_scopes_update", true, json!({"requires_dpop": false})),
        ("v1_admin_scopes_update", true, json!({"max_lifetime_seconds": null})),
        ("v1_admin_scopes_delete", false, none()),
        ("v1_admin_signing_keys_rotate", false, none()),
        ("v1_admin_signing_keys_rotate", true, json!({"at_once": true})),
        ("v1_admin_signing_keys_delete", true, none()),
        ("v1_admin_tenants_create", true, json!({"slug": "burrow", "administrator": {"username": "wombat"}})),
        ("v1_admin_tenants_create", false, json!({"slug": "den"})),
        ("v1_admin_tenants_update", false, json!({"enabled": false})),
        ("v1_admin_tenant_policy_replace", true, none()),
        ("v1_admin_tenants_delete", true, none()),
        ("v1_admin_webhooks_create", true, json!({"url": "https://hooks.example/latchkey"})),
        ("v1_admin_webhooks_delete", false, none()),
    ]
}

/// Whether the operation needs a recent sign-in, whatever its body.
fn asks(id: &str) -> bool {
    deeds().iter().any(|(deed, asks, _)| *deed == id && *asks)
}

type Fields = Vec<(&'static str, String)>;

/// The forms of the console that do the same, and whether each needs a recent sign-in.
fn forms(user: &str) -> Vec<(bool, &'static str, Fields)> {
    let of_user = |more: &[(&'static str, &str)]| {
        let id = [("id", user.to_owned())].into_iter();
        id.chain(more.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect::<Vec<_>>()
    };
    let words = |fields: &[(&'static str, &str)]| -> Fields {
        fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    };
    let client = |more: &[(&'static str, &str)]| {
        words(
            &[&[("id", "box"), ("client_name", "The box app"), ("device", "on"), ("refresh", "on")], more]
                .concat(),
        )
    };
    vec![
        (asks("v1_admin_users_create"), "/console/users/new", vec![("username", "new".to_owned())]),
        (asks("v1_admin_users_update"), "/console/user/change", of_user(&[("display_name", "Ada")])),
        (asks("v1_admin_users_update"), "/console/user/standing", of_user(&[("status", "locked")])),
        (asks("v1_admin_users_reset_password"), "/console/user/password-link", of_user(&[])),
        (asks("v1_admin_users_delete_second_factor"), "/console/user/second-factor", of_user(&[])),
        (asks("v1_admin_users_sign_out"), "/console/user/sign-out", of_user(&[])),
        (asks("v1_admin_users_delete"), "/console/user/delete", of_user(&[])),
        (asks("v1_admin_clients_create"), "/console/clients/new", client(&[("auth_method", "none")])),
        (asks("v1_admin_client_secret_rotate"), "/console/client/secret", words(&[("id", "box")])),
        (asks("v1_admin_client_secret_retire"), "/console/client/secret/retire", words(&[("id", "box")])),
        (true, "/console/client/change", client(&[("scopes", "openid admin"), ("enabled", "on")])),
        (false, "/console/client/change", client(&[("scopes", "openid")])),
        (true, "/console/keys/rotate", words(&[("algorithm", "ES256"), ("when", "at-once")])),
        (false, "/console/keys/rotate", words(&[("algorithm", "ES256"), ("when", "known")])),
        (asks("v1_admin_devices_lock"), "/console/devices/lock", words(&[("device", NOBODY)])),
        (asks("v1_admin_devices_unlock"), "/console/devices/unlock", words(&[("device", NOBODY)])),
        (asks("v1_admin_devices_delete"), "/console/devices/disconnect", words(&[("device", NOBODY)])),
        (asks("v1_admin_device_authorizations_deny"), "/console/session/deny", words(&[("id", NOBODY)])),
    ]
}

async fn administrative(server: &TestServer) -> Vec<Operation> {
    let document = server.get("/openapi.json").await.json;
    let found: Vec<_> =
        operations(&document).into_iter().filter(|operation| operation.path.starts_with("/admin/")).collect();
    assert!(found.len() > 40, "{}", found.len());
    found
}

/// Every administrative operation with the bodies it is tried with, and whether each needs a recent sign-in.
async fn tries(server: &TestServer) -> Vec<(Operation, bool, Value)> {
    let (mut all, mut listed) = (Vec::new(), 0);
    for operation in administrative(server).await {
        if operation.method.is_safe() {
            all.push((operation, false, Value::Null));
            continue;
        }
        let of_it: Vec<_> = deeds().into_iter().filter(|(id, ..)| *id == operation.id).collect();
        assert!(!of_it.is_empty(), "{} is not in the list of deeds", operation.id);
        listed += of_it.len();
        all.extend(of_it.into_iter().map(|(_, asks, body)| (operation.clone(), asks, body)));
    }
    assert_eq!(listed, deeds().len(), "a deed is no operation");
    all
}

fn request(server: &TestServer, operation: &Operation) -> (Method, String) {
    let filled =
        operation.path.split('/').map(|part| match (part.starts_with('{'), operation.path.as_str()) {
            (false, _) => part,
            (true, path) if path.starts_with("/admin/oauth/clients/") => CLIENT,
            (true, path) if path.starts_with("/admin/scopes/") => SCOPE,
            (true, _) => NOBODY,
        });
    let path = filled.collect::<Vec<_>>().join("/");
    (operation.method.clone(), format!("{}{path}", server.base))
}

async fn by_cookie(server: &TestServer, person: &Person, operation: &Operation, body: &Value) -> Answer {
    let (method, url) = request(server, operation);
    let csrf = csrf(person).await;
    let asked = person.browser().request(method.clone(), url).header("x-csrf-token", csrf);
    send(if method.is_safe() { asked } else { asked.json(body) }).await
}

async fn by_token(server: &TestServer, token: &str, operation: &Operation, body: &Value) -> Answer {
    let (method, url) = request(server, operation);
    let asked = server.http.request(method.clone(), url).bearer_auth(token);
    send(if method.is_safe() { asked } else { asked.json(body) }).await
}

async fn csrf(person: &Person) -> String {
    person.visit("/device").await.form("/language")["csrf"].clone()
}

#[tokio::test]
async fn a_password_alone_opens_no_administrative_operation_where_the_role_needs_two_factors() {
    let lax = TestServer::start().await;
    let root = lax.person("root", &["admin"]).await;
    let token = lax.public_client("glass", SCOPES).await.connect(&root, SCOPES).await.string("access_token");
    let server = lax
        .replica_with(|config| {
            config.sign_in.second_factor_for_roles = vec!["admin".parse().expect("a role")];
        })
        .await;
    let root = Person::new(&server.base, "root", &root.password);
    root.sign_in().await;
    for (operation, _, body) in tries(&server).await {
        for (by, answer) in [
            ("cookie", by_cookie(&server, &root, &operation, &body).await),
            ("token", by_token(&server, &token, &operation, &body).await),
        ] {
            assert_eq!(answer.status, 403, "{} by {by}: {answer:?}", operation.id);
            assert_eq!(answer.error(), "second_factor_required", "{} by {by}", operation.id);
        }
    }
}

#[tokio::test]
async fn an_old_sign_in_is_refused_by_rest_where_the_console_refuses_it() {
    let server = TestServer::start().await;
    let root = server.person("root", &["admin"]).await;
    server.ada().await;
    server.tv().await;
    server.client("box", "openid", |client| client.auth_method = AuthMethod::ClientSecretBasic).await;
    let user = server.user_id("ada").await.to_string();
    let glass = server.public_client("glass", SCOPES).await;
    let refresh_token = glass.connect(&root, SCOPES).await.string("refresh_token");
    server.clock.advance(901.0);
    let token = glass.refresh(&refresh_token).await.string("access_token");
    for (operation, asks, body) in tries(&server).await {
        for (by, answer) in [
            ("cookie", by_cookie(&server, &root, &operation, &body).await),
            ("token", by_token(&server, &token, &operation, &body).await),
        ] {
            let is_refused = answer.status == 403 && answer.error() == "fresh_sign_in_required";
            assert_eq!(is_refused, asks, "{} {body} by {by}: {answer:?}", operation.id);
        }
    }
    for (asks, path, fields) in forms(&user) {
        let csrf = csrf(&root).await;
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = root.post(path, &[&fields[..], &[("csrf", &csrf)]].concat()).await;
        assert_eq!(page.location == "/sign-in", asks, "{path}: {page:?}");
    }
}

#[tokio::test]
async fn a_fresh_sign_in_with_what_the_role_needs_is_enough_for_every_operation() {
    let server = TestServer::start().await;
    let root = server.person("root", &["admin"]).await;
    server.tv().await;
    let token =
        server.public_client("glass", SCOPES).await.connect(&root, SCOPES).await.string("access_token");
    for (operation, _, body) in tries(&server).await {
        for (by, answer) in [
            ("cookie", by_cookie(&server, &root, &operation, &body).await),
            ("token", by_token(&server, &token, &operation, &body).await),
        ] {
            assert_ne!(answer.status, 403, "{} by {by}: {answer:?}", operation.id);
        }
    }
}
