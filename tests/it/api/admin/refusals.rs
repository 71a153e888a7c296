//! Attempts that were refused are in the trail, too.

use reqwest::Method;
use serde_json::json;

use super::Office;
use crate::support::device::send;

#[tokio::test]
async fn who_may_not_or_comes_too_late_is_written_down() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    ada.sign_in().await;
    let refused = send(ada.fetch(format!("{}/admin/users", office.server.base))).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (403, "forbidden"), "{refused:?}");
    let path = format!("/admin/users/{}", office.server.user_id("ada").await);
    let stale = office.tell_version(Method::PATCH, &path, &json!({}), "\"77\"").await;
    assert_eq!(stale.status, 412, "{stale:?}");
    let own = format!("/admin/users/{}", office.server.user_id("root").await);
    assert_eq!(office.ask(Method::DELETE, &own).await.status, 409);
    let list = office.get("/admin/audit-log?action=administration.refused&outcome=refused").await;
    let found: Vec<_> = list.json["events"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|event| {
            (event["actor"]["id"].clone(), event["target"]["id"].clone(), event["details"]["error"].clone())
        })
        .collect();
    let (ada, root) =
        (office.server.user_id("ada").await.to_string(), office.server.user_id("root").await.to_string());
    for expected in [
        (json!(ada), json!("GET /admin/users"), json!("forbidden")),
        (json!(root), json!(format!("PATCH {path}")), json!("stale")),
        (json!(root), json!(format!("DELETE {own}")), json!("own_account")),
    ] {
        assert!(found.contains(&expected), "{expected:?} in {found:?}");
    }
    assert_eq!(found.len(), 3);
}

#[tokio::test]
async fn a_flood_of_refusals_does_not_flood_the_trail() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    ada.sign_in().await;
    for _ in 0..30 {
        send(ada.fetch(format!("{}/admin/users", office.server.base))).await;
    }
    assert_eq!(office.server.audited("administration.refused", "refused").await, 10);
}
