//! Where no devices are connected at all.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_client_for_which_the_grant_is_off_gets_no_codes_and_no_approvals() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    set_policy(&server, "tv", json!({"approval": {"device_grant": "off"}})).await;
    tv.ask(&[]).await.must_be_error("unauthorized_client");
    let page = ada.decide(&consent, "approve").await;
    assert_eq!(page.status, 403, "{page:?}");
    assert!(page.says("No devices are connected here."), "{page:?}");
    tv.poll(&started).await.must_be_error("access_denied");
    assert_eq!(server.audited("device_authorization.approved", "refused").await, 1);
    assert_eq!(server.public_client("radio", "openid").await.ask(&[]).await.status, 200);
}

#[tokio::test]
async fn a_tenant_for_which_the_grant_is_off_connects_no_devices_and_its_neighbour_does() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (acme, base) = server.tenant("acme").await;
    let neighbour = server.client_of(acme, &base, "tv", "openid", |_| ()).await;
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    set_tenant_policy(&server, json!({"approval": {"device_grant": "off"}})).await;
    tv.ask(&[]).await.must_be_error("unauthorized_client");
    assert_eq!(ada.decide(&consent, "approve").await.status, 403);
    tv.poll(&started).await.must_be_error("access_denied");
    assert_eq!(neighbour.ask(&[]).await.status, 200);
}

#[tokio::test]
async fn accounts_with_an_excluded_role_connect_nothing_even_in_report_only_mode() {
    let server = TestServer::start().await;
    let (tv, root) = (server.tv().await, server.person("root", &["admin"]).await);
    let changes = json!({"approval": {"excluded_roles": ["admin"], "mode": "report_only"}});
    set_policy(&server, "tv", changes).await;
    let started = tv.start("openid").await;
    let consent = root.open(&started.user_code).await;
    assert!(consent.says("This cannot be approved") && !consent.says(r#"value="approve""#), "{consent:?}");
    assert_eq!(root.decide(&consent, "approve").await.status, 403);
    tv.poll(&started).await.must_be_error("access_denied");
    tv.connect(&server.ada().await, "openid").await;
}

#[tokio::test]
async fn lists_of_networks_hold_for_both_sides() {
    let (server, _folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    set_policy(&server, "tv", json!({"approval": {"excluded_networks": ["198.51.100.0/24"]}})).await;
    ask_from(&tv, PARIS).await.must_be_error("unauthorized_client");
    let started = start_from(&tv, BERLIN).await;
    let from_paris = ada.forwarded_for(PARIS);
    let consent = from_paris.open(&started.user_code).await;
    assert_eq!(from_paris.decide(&consent, "approve").await.status, 403);

    set_policy(&server, "tv", json!({"approval": {"allowed_networks": ["192.0.2.0/24"]}})).await;
    ask_from(&tv, POTSDAM).await.must_be_error("unauthorized_client");
    let started = start_from(&tv, BERLIN).await;
    ada.forwarded_for(BERLIN_NEIGHBOUR).approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
}
