//! The audit trail in the console.

use super::signed_in;
use crate::support::TestServer;

#[tokio::test]
async fn events_are_found_by_who_did_what_on_what_and_when() {
    let server = TestServer::start().await;
    let (root, ada) = (signed_in(&server, "root", &["admin"]).await, server.ada().await);
    server.tv().await.connect(&ada, "openid").await;
    let id = super::sessions::only_session(&server).await;
    let target = format!("?target={id}");
    let by_id = format!("?actor={}&action=device_authorization.approved", server.user_id("ada").await);
    for (query, found) in [
        ("", true),
        ("?action=device_authorization.approved", true),
        ("?action=device_authorization.denied", false),
        ("?actor=ADA", true),
        ("?actor=root", false),
        ("?actor=nobody", false),
        (target.as_str(), true),
        (by_id.as_str(), true),
        ("?from=2020-01-01T00%3A00&to=2999-01-01T00%3A00", true),
        ("?to=2020-01-01T00%3A00", false),
        ("?from=2999-01-01T00%3A00", false),
    ] {
        let page = root.visit(&format!("/console/audit{query}")).await;
        let says = page.says("<code translate=\"no\">device_authorization.approved</code>");
        assert_eq!((page.status.as_u16(), says), (200, found), "{query}");
    }
    let all = root.visit("/console/audit").await;
    assert!(all.says("<bdi translate=\"no\">ada</bdi>") && all.says(&id));
    assert!(root.visit("/console/audit?from=soon").await.says("Enter times in UTC"));
    assert_eq!(root.visit("/console/audit?cursor=x").await.status, 400);
}

#[tokio::test]
async fn the_trail_goes_on_where_a_page_ended() {
    let server = TestServer::with(|config| config.rate_limits.enabled = false).await;
    let (root, tv) = (signed_in(&server, "root", &["admin"]).await, server.tv().await);
    for _ in 0..51 {
        tv.start("openid").await;
        let list = root.visit("/console/sessions?status=pending").await;
        root.submit(&list, "/console/session/deny", &[]).await;
    }
    let first = root.visit("/console/audit?action=device_authorization.denied").await;
    let events =
        |html: &str| html.matches("<code translate=\"no\">device_authorization.denied</code>").count();
    assert_eq!(events(&first.html), 50);
    let older = first.html.split("href=\"").find(|part| part.contains("cursor=")).expect("a link");
    let older = older.split('"').next().unwrap().replace("&#38;", "&");
    assert_eq!(events(&root.visit(&older).await.html), 1);
}
