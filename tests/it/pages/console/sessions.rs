//! Sessions in the console.

use super::{post, signed_in};
use crate::support::TestServer;

/// The identifier of the one session that there is.
pub(super) async fn only_session(server: &TestServer) -> String {
    let ids: Vec<sqlx::types::Uuid> = sqlx::query_scalar("SELECT id FROM device_authorizations")
        .fetch_all(&server.app.db)
        .await
        .expect("the sessions");
    assert_eq!(ids.len(), 1);
    ids[0].to_string()
}

#[tokio::test]
async fn sessions_are_found_by_status_client_and_who_decided() {
    let server = TestServer::start().await;
    let (root, ada) = (signed_in(&server, "root", &["admin"]).await, server.ada().await);
    let (tv, radio) = (server.tv().await, server.public_client("radio", "openid").await);
    let (pending, approved) = (radio.start("openid").await, tv.start("openid").await);
    ada.approve(&approved.user_code).await;
    for (query, first, second) in [
        ("", true, true),
        ("?status=&client=&user=", true, true),
        ("?status=pending", true, false),
        ("?status=approved", false, true),
        ("?client=radio", true, false),
        ("?user=ADA", false, true),
        ("?user=ada&client=radio", false, false),
        ("?user=nobody", false, false),
    ] {
        let page = root.visit(&format!("/console/sessions{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        let found = (page.says(&pending.user_code), page.says(&approved.user_code));
        assert_eq!(found, (first, second), "{query}");
    }
    assert!(root.visit("/console/sessions?user=nobody").await.says("There is no user with this name."));
    assert_eq!(root.visit("/console/sessions?status=none").await.status, 400);
}

#[tokio::test]
async fn pages_of_sessions_follow_each_other_without_gaps_and_keep_their_filters() {
    let server = TestServer::with(|config| config.rate_limits.enabled = false).await;
    let (root, tv) = (signed_in(&server, "root", &["admin"]).await, server.tv().await);
    let mut codes = Vec::new();
    for _ in 0..53 {
        codes.push(tv.start("openid").await.user_code);
    }
    let first = root.visit("/console/sessions?status=pending&client=tv").await;
    let shown = |html: &str| codes.iter().filter(|code| html.contains(code.as_str())).count();
    assert_eq!(shown(&first.html), 50);
    let older = first.html.split("href=\"").find(|part| part.contains("cursor=")).expect("a link");
    let older = older.split('"').next().unwrap().replace("&#38;", "&");
    assert!(older.contains("status=pending&client=tv&cursor="), "{older}");
    let last = root.visit(&older).await;
    assert_eq!(shown(&last.html), 3);
    assert!(codes.iter().all(|code| first.says(code) != last.says(code)));
    assert_eq!(root.visit(&older.replace("client=tv", "client=radio")).await.status, 400);
    assert_eq!(root.visit("/console/sessions?cursor=x").await.status, 400);
}

#[tokio::test]
async fn a_session_is_denied_once_and_its_device_is_told() {
    let server = TestServer::start().await;
    let (root, tv) = (signed_in(&server, "root", &["admin"]).await, server.tv().await);
    let started = tv.start("openid").await;
    let list = root.visit("/console/sessions").await;
    let denied = root.submit(&list, "/console/session/deny", &[]).await;
    assert!(denied.says("The device receives access_denied."), "{denied:?}");
    assert!(denied.says("device_authorization.denied") && denied.says("<bdi translate=\"no\">root</bdi>"));
    tv.poll(&started).await.must_be_error("access_denied");
    let again = root.submit(&list, "/console/session/deny", &[]).await;
    assert!(again.says("Nothing was changed"), "{again:?}");
    assert_eq!(server.audited("device_authorization.denied", "success").await, 1);
    assert_eq!(server.audited("administration.refused", "refused").await, 0);
}

#[tokio::test]
async fn a_session_tells_what_happened_to_it() {
    let server = TestServer::start().await;
    let (root, tv, ada) =
        (signed_in(&server, "root", &["admin"]).await, server.tv().await, server.ada().await);
    tv.connect(&ada, "openid").await;
    let id = only_session(&server).await;
    let page = root.visit(&format!("/console/session?id={id}")).await;
    let told = [
        "Device requested codes",
        "device_authorization.opened",
        "device_authorization.approved",
        "Device received its tokens",
    ];
    let places: Vec<_> = told.iter().map(|words| page.html.find(words)).collect();
    assert!(places.iter().all(Option::is_some), "{places:?} {}", page.html);
    assert!(page.says("consumed") && page.says("<bdi translate=\"no\">ada</bdi>"));
    for wrong in ["", "?id=", "?id=x", "?id=00000000-0000-0000-0000-000000000000"] {
        assert_eq!(root.visit(&format!("/console/session{wrong}")).await.status, 404, "{wrong}");
    }
    let page = post(&root, "/console/session/deny", &[("id", &id)]).await;
    assert!(page.says("Nothing was changed"));
}
