//! One rule for a deed, wherever it is asked for: by the console, by REST with a cookie, by REST with a token.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::device::send;
use crate::support::{Answer, Person, TestServer};
use crate::tenant_isolation::{Operation, operations};

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";
const SCOPES: &str = "openid admin offline_access";

/// What endangers others, with a body that does. All else that is not read is a change.
fn endangering(id: &str) -> Option<Value> {
    match id {
        "admin_create_user"
        | "admin_change_user"
        | "admin_delete_user"
        | "admin_sign_out_user"
        | "admin_reset_password"
        | "admin_remove_second_factor"
        | "admin_delete_tenant"
        | "v1_admin_tenants_delete"
        | "v1_admin_signing_keys_remove" => Some(json!({})),
        "v1_admin_tenants_create" => Some(json!({"slug": "burrow", "administrator": {"username": "wombat"}})),
        "v1_admin_signing_keys_rotate" => Some(json!({"at_once": true})),
        "v1_admin_devices_revoke" => Some(json!({"status": "locked", "preview": false})),
        _ => None,
    }
}

type Fields = Vec<(&'static str, String)>;

/// The forms of the console that do the same as an operation.
fn forms(user: &str) -> Vec<(&'static str, &'static str, Fields)> {
    let of_user = |more: &[(&'static str, &str)]| {
        let id = [("id", user.to_owned())].into_iter();
        id.chain(more.iter().map(|(name, value)| (*name, (*value).to_owned()))).collect::<Vec<_>>()
    };
    let key = |when: &str| vec![("algorithm", "ES256".to_owned()), ("when", when.to_owned())];
    vec![
        ("admin_create_user", "/console/users/new", vec![("username", "new".to_owned())]),
        ("admin_change_user", "/console/user/change", of_user(&[("display_name", "Ada")])),
        ("admin_change_user", "/console/user/standing", of_user(&[("status", "locked")])),
        ("admin_reset_password", "/console/user/password-link", of_user(&[])),
        ("admin_remove_second_factor", "/console/user/second-factor", of_user(&[])),
        ("admin_sign_out_user", "/console/user/sign-out", of_user(&[])),
        ("admin_delete_user", "/console/user/delete", of_user(&[])),
        ("v1_admin_signing_keys_rotate", "/console/keys/rotate", key("at-once")),
        ("v1_admin_devices_lock", "/console/devices/lock", vec![("device", NOBODY.to_owned())]),
    ]
}

async fn administrative(server: &TestServer) -> Vec<Operation> {
    let document = server.get("/openapi.json").await.json;
    let found: Vec<_> =
        operations(&document).into_iter().filter(|operation| operation.path.starts_with("/admin/")).collect();
    assert!(found.len() > 40, "{}", found.len());
    found
}

fn request(server: &TestServer, operation: &Operation) -> (Method, String, Value) {
    let filled = operation.path.split('/').map(|part| if part.starts_with('{') { NOBODY } else { part });
    let path = filled.collect::<Vec<_>>().join("/");
    let body = endangering(&operation.id).unwrap_or_else(|| json!({}));
    (operation.method.clone(), format!("{}{path}", server.base), body)
}

async fn by_cookie(server: &TestServer, person: &Person, operation: &Operation) -> Answer {
    let (method, url, body) = request(server, operation);
    let csrf = csrf(person).await;
    let asked = person.browser().request(method.clone(), url).header("x-csrf-token", csrf);
    send(if method.is_safe() { asked } else { asked.json(&body) }).await
}

async fn by_token(server: &TestServer, token: &str, operation: &Operation) -> Answer {
    let (method, url, body) = request(server, operation);
    let asked = server.http.request(method.clone(), url).bearer_auth(token);
    send(if method.is_safe() { asked } else { asked.json(&body) }).await
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
    for operation in administrative(&server).await {
        for (by, answer) in [
            ("cookie", by_cookie(&server, &root, &operation).await),
            ("token", by_token(&server, &token, &operation).await),
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
    let user = server.user_id("ada").await.to_string();
    let glass = server.public_client("glass", SCOPES).await;
    let refresh_token = glass.connect(&root, SCOPES).await.string("refresh_token");
    server.clock.advance(901.0);
    let token = glass.refresh(&refresh_token).await.string("access_token");
    for operation in administrative(&server).await {
        let refused = endangering(&operation.id).is_some();
        for (by, answer) in [
            ("cookie", by_cookie(&server, &root, &operation).await),
            ("token", by_token(&server, &token, &operation).await),
        ] {
            let is_refused = answer.status == 403 && answer.error() == "fresh_sign_in_required";
            assert_eq!(is_refused, refused, "{} by {by}: {answer:?}", operation.id);
        }
    }
    for (id, path, fields) in forms(&user) {
        let csrf = csrf(&root).await;
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = root.post(path, &[&fields[..], &[("csrf", &csrf)]].concat()).await;
        assert_eq!(page.location == "/sign-in", endangering(id).is_some(), "{path}: {page:?}");
    }
}

#[tokio::test]
async fn a_fresh_sign_in_with_what_the_role_needs_is_enough_for_every_operation() {
    let server = TestServer::start().await;
    let root = server.person("root", &["admin"]).await;
    let token =
        server.public_client("glass", SCOPES).await.connect(&root, SCOPES).await.string("access_token");
    for operation in administrative(&server).await {
        for (by, answer) in [
            ("cookie", by_cookie(&server, &root, &operation).await),
            ("token", by_token(&server, &token, &operation).await),
        ] {
            assert_ne!(answer.status, 403, "{} by {by}: {answer:?}", operation.id);
        }
    }
}
