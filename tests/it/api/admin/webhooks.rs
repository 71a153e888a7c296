//! Who is told of what happens.

use reqwest::Method;
use serde_json::json;

use super::Office;

const LIST: &str = "/admin/webhooks";

#[tokio::test]
async fn a_webhook_is_made_with_a_secret_that_is_shown_once_and_removed() {
    let office = Office::build().await;
    let new = json!({"url": "https://hooks.example/latchkey", "actions": ["device_authorization.approved"]});
    let made = office.tell(Method::POST, LIST, &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("cache-control"), "no-store");
    let secret = made.string("secret");
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "{secret}");
    let listed = office.get(LIST).await;
    let expected = json!({"webhooks": [{"id": made.json["id"], "url": "https://hooks.example/latchkey",
                                        "actions": ["device_authorization.approved"], "enabled": true}]});
    assert_eq!(listed.json, expected);
    let rows = office.server.rows().await;
    assert!(rows.values().all(|row| !row.contains(&secret["whsec_".len()..])));
    let path = format!("{LIST}/{}", made.string("id"));
    assert_eq!(office.ask(Method::DELETE, &path).await.status, 204);
    assert_eq!(office.ask(Method::DELETE, &path).await.error(), "webhook_not_found");
    assert_eq!(office.get(LIST).await.json, json!({"webhooks": []}));
    assert_eq!(office.server.audited("webhook.created", "success").await, 1);
    assert_eq!(office.server.audited("webhook.deleted", "success").await, 1);
}

#[tokio::test]
async fn addresses_that_only_this_server_reaches_and_actions_that_never_happen_are_refused() {
    let office = Office::build().await;
    for (body, field) in [
        (json!({"url": "https://127.0.0.1/"}), "url"),
        (json!({"url": "https://[fd00::1]/"}), "url"),
        (json!({"url": "http://hooks.example/"}), "url"),
        (json!({"url": "https://user:word@hooks.example/"}), "url"),
        (json!({"url": "hooks"}), "url"),
        (json!({"url": "https://hooks.example/", "actions": ["tea.made"]}), "actions"),
        (json!({"url": "https://hooks.example/", "actions": vec!["sign_in"; 65]}), "actions"),
    ] {
        let refused = office.tell(Method::POST, LIST, &body).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json["errors"][0]["field"]),
            (422, &json!(field)),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn webhooks_are_for_administrators_of_the_same_tenant() {
    let office = Office::build().await;
    let made = office.tell(Method::POST, LIST, &json!({"url": "https://hooks.example/"})).await;
    let path = format!("{LIST}/{}", made.string("id"));
    for (method, path) in [(Method::GET, LIST), (Method::POST, LIST), (Method::DELETE, path.as_str())] {
        office.must_be_closed(method, path).await;
    }
    let (elsewhere, base) = office.of_another_tenant().await;
    assert_eq!(office.ask_with(Method::DELETE, &format!("{base}{path}"), &elsewhere).await.status, 404);
    let list = office.ask_with(Method::GET, &format!("{base}{LIST}"), &elsewhere).await;
    assert_eq!(list.json, json!({"webhooks": []}));
}
