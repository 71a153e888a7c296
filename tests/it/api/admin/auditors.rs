//! Who only looks needs no program that could do more.

use reqwest::Method;
use serde_json::json;

use super::Office;

/// Something of each kind that an auditor may look at.
const READS: [&str; 13] = [
    "/admin/audit-log",
    "/admin/devices",
    "/admin/oauth/clients",
    "/admin/oauth/clients/tv",
    "/admin/oauth/device-authorizations",
    "/admin/oauth/devices",
    "/admin/registration-tokens",
    "/admin/resources",
    "/admin/scopes",
    "/admin/signing-keys",
    "/admin/users",
    "/admin/webhooks",
    "/admin/users?role=auditor",
];

#[tokio::test]
async fn an_auditors_program_reads_everything_and_changes_nothing() {
    let office = Office::build().await;
    let glass = office.server.public_client("glass", "openid admin:read admin").await;
    let audrey = office.server.person("audrey", &["auditor"]).await;
    let tokens = glass.connect(&audrey, "openid admin:read admin").await;
    assert_eq!(tokens.json["scope"], "admin:read openid", "an auditor cannot grant admin");
    for path in READS {
        assert_eq!(office.ask_with(Method::GET, path, &tokens).await.status, 200, "{path}");
    }
    let before = office.server.rows().await["users"].clone();
    let ada = office.server.person("ada", &[]).await;
    let path = format!("/admin/users/{}", office.server.user_id(&ada.username).await);
    for (method, path) in [(Method::DELETE, path.as_str()), (Method::POST, "/admin/signing-keys/rotate")] {
        let refused = office.ask_with(method, path, &tokens).await;
        assert_eq!((refused.status.as_u16(), refused.error()), (403, "insufficient_scope"), "{refused:?}");
        assert!(refused.header("www-authenticate").contains(r#"scope="admin""#), "{refused:?}");
    }
    assert!(office.server.rows().await["users"].len() > before.len(), "ada is still there");
}

#[tokio::test]
async fn an_administrators_program_may_hold_the_scope_that_only_reads() {
    let office = Office::build().await;
    let glass = office.server.public_client("glass", "admin:read").await;
    let grace = office.server.person("grace", &["admin"]).await;
    let tokens = glass.connect(&grace, "admin:read").await;
    for path in READS.into_iter().chain(["/admin/tenants", "/admin/tenants/-"]) {
        assert_eq!(office.ask_with(Method::GET, path, &tokens).await.status, 200, "{path}");
    }
    let own = format!("/admin/users/{}", office.server.user_id("grace").await);
    assert_eq!(office.ask_with(Method::DELETE, &own, &tokens).await.error(), "insufficient_scope");
}

#[tokio::test]
async fn only_administrators_and_auditors_grant_it_and_only_as_long_as_they_are() {
    let office = Office::build().await;
    let glass = office.server.public_client("glass", "openid admin:read").await;
    let ada = office.server.ada().await;
    assert_eq!(glass.connect(&ada, "openid admin:read").await.json["scope"], "openid");
    let audrey = office.server.person("audrey", &["auditor"]).await;
    let tokens = glass.connect(&audrey, "admin:read").await;
    let path = format!("/admin/users/{}", office.server.user_id("audrey").await);
    let changed = office.tell(Method::PATCH, &path, &json!({"roles": []})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let refused = office.ask_with(Method::GET, "/admin/users", &tokens).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (403, "forbidden"), "{refused:?}");
}

#[tokio::test]
async fn the_scope_that_reads_everything_is_inherited_by_no_client_and_open_to_no_other_role() {
    let office = Office::build().await;
    let change = json!({"required_role": null});
    let opened = office.tell(Method::PATCH, "/admin/scopes/admin:read", &change).await;
    assert_eq!((opened.status.as_u16(), opened.error()), (422, "validation_failed"), "{opened:?}");
    assert_eq!(office.ask(Method::DELETE, "/admin/scopes/admin:read").await.error(), "scope_is_standard");
    let new = json!({"client_id": "own", "client_name": "Our own", "first_party": true,
        "scope_policy": "inherit", "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]});
    let made = office.tell(Method::POST, "/admin/oauth/clients", &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    let own = crate::support::Device::new(
        office.server.http.clone(),
        &office.server.base,
        "own",
        crate::support::device::Proof::None,
    );
    own.ask(&[("scope", "admin:read")]).await.must_be_error("invalid_scope");
}
