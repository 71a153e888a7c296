//! The overview.

use latchkey::domain::activity::write;

use super::signed_in;
use crate::support::TestServer;

#[tokio::test]
async fn the_overview_draws_what_happened_and_says_it_in_a_table() {
    let server = TestServer::start().await;
    let (root, ada, tv) =
        (signed_in(&server, "root", &["admin"]).await, server.ada().await, server.tv().await);
    let empty = root.visit("/console").await;
    assert_eq!(empty.html.matches("<rect").count(), 0, "{empty:?}");
    assert_eq!(empty.html.matches("<desc ").count(), 6);
    assert!(empty.says(">None.</desc>"));
    tv.connect(&ada, "openid offline_access").await;
    let waiting = tv.start("openid").await;
    tv.poll(&waiting).await.must_be_error("authorization_pending");
    tv.poll(&waiting).await.must_be_error("slow_down");
    write(&server.app).await.expect("the database answers");
    for (query, rows, by) in [
        ("", 60, "minute"),
        ("?span=hour", 60, "minute"),
        ("?span=day", 48, "half hour"),
        ("?span=month", 30, "day"),
    ] {
        let page = root.visit(&format!("/console{query}")).await;
        // Starts, approvals, polls and early polls, each in one part.
        assert_eq!(page.html.matches("<rect").count(), 4, "{query}: {}", page.html);
        assert_eq!(page.html.matches("<tr>").count(), rows + 1, "{query}");
        assert_eq!(page.html.matches("aria-current=\"true\"").count(), 2, "{query}: a span and a language");
        assert!(page.says(&format!("<title id=\"plot-1-title\">Started per {by}</title>")), "{query}");
        assert!(page.says(&format!("2 in total, 2 at most per {by}")), "{query}");
        assert!(page.says("<td data-label=\"Started\">2</td>"), "{query}");
    }
    let page = root.visit("/console").await;
    assert!(page.says("<a id=\"pending\" href=\"/console/sessions?status=pending\">1</a>"), "{page:?}");
    assert!(page.says("<a id=\"active\" href=\"/console/devices?status=active\">1</a>"));
    assert!(page.says("key will be replaced") && page.says("id=\"rotation\""));
    assert_eq!(root.visit("/console?span=year").await.status, 400);
}

#[tokio::test]
async fn the_overview_of_a_tenant_tells_nothing_of_another() {
    let server = TestServer::start().await;
    server.tv().await.start("openid").await;
    write(&server.app).await.expect("the database answers");
    let (acme, base) = server.tenant("acme").await;
    let boss = server.person_of(acme, &base, "boss", &["admin"]).await;
    boss.sign_in().await;
    let page = boss.visit("/console").await;
    assert_eq!((page.status.as_u16(), page.html.matches("<rect").count()), (200, 0));
    assert!(
        page.says("<a id=\"pending\" href=\"/t/acme/console/sessions?status=pending\">0</a>"),
        "{page:?}"
    );
}
