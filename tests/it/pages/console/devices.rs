//! Devices in the console.

use super::{post, signed_in};
use crate::support::TestServer;

#[tokio::test]
async fn a_device_is_found_locked_unlocked_and_disconnected() {
    let server = TestServer::start().await;
    let (root, ada, tv) =
        (signed_in(&server, "root", &["admin"]).await, server.ada().await, server.tv().await);
    let tokens = tv.connect(&ada, "openid offline_access").await;
    let refresh = tokens.string("refresh_token");
    for (query, found) in [
        ("", true),
        ("?user=Ada&client=tv&status=active", true),
        ("?user=root", false),
        ("?client=radio", false),
        ("?status=locked", false),
        ("?user=nobody", false),
    ] {
        let page = root.visit(&format!("/console/devices{query}")).await;
        assert_eq!((page.status.as_u16(), page.says("/console/devices/lock")), (200, found), "{query}");
    }
    let list = root.visit("/console/devices").await;
    let locked = root.submit(&list, "/console/devices/lock", &[]).await;
    assert!(locked.says("status locked"), "{locked:?}");
    assert_eq!(tv.refresh(&refresh).await.status, 503);
    let unlocked = root.submit(&locked, "/console/devices/unlock", &[]).await;
    assert!(unlocked.says("status active"), "{unlocked:?}");
    let id = unlocked.form("/console/devices/lock")["device"].clone();
    let question = root.visit(&format!("/console/devices/disconnect?device={id}")).await;
    assert!(question.says("Disconnect") && question.says("Cancel"), "{question:?}");
    tv.refresh(&refresh).await.must_be_tokens();
    let refresh = tv.connect(&ada, "openid offline_access").await.string("refresh_token");
    let gone = root.submit(&question, "/console/devices/disconnect", &[]).await;
    assert!(gone.says("/console/devices/lock"), "{gone:?}");
    let id = gone.form("/console/devices/lock")["device"].clone();
    let question = root.visit(&format!("/console/devices/disconnect?device={id}")).await;
    let gone = root.submit(&question, "/console/devices/disconnect", &[]).await;
    assert!(gone.says("No matching devices."), "{gone:?}");
    tv.refresh(&refresh).await.must_be_error("invalid_grant");
    for device in ["", "x", "00000000-0000-0000-0000-000000000000"] {
        let page = post(&root, "/console/devices/lock", &[("device", device)]).await;
        assert_eq!(page.status, 404, "{device}");
    }
    assert_eq!(root.visit("/console/devices?status=odd").await.status, 400);
    assert_eq!(root.visit("/console/devices?cursor=x").await.status, 400);
}

#[tokio::test]
async fn a_device_of_another_tenant_is_no_device() {
    let server = TestServer::start().await;
    let (ada, tv) = (server.ada().await, server.tv().await);
    let tokens = tv.connect(&ada, "openid offline_access").await;
    let (acme, base) = server.tenant("acme").await;
    let boss = server.person_of(acme, &base, "boss", &["admin"]).await;
    boss.sign_in().await;
    assert!(boss.visit("/console/devices").await.says("No matching devices."));
    let root = signed_in(&server, "root", &["admin"]).await;
    let id = root.visit("/console/devices").await.form("/console/devices/lock")["device"].clone();
    for action in ["lock", "unlock", "disconnect"] {
        let page = post(&boss, &format!("/console/devices/{action}"), &[("device", &id)]).await;
        assert_eq!(page.status, 404, "{action}");
    }
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
}
