//! The audit trail, as administrators read it.

use reqwest::Method;
use serde_json::Value;

use super::Office;
use crate::support::Answer;
use crate::support::device::send;

const LIST: &str = "/admin/audit-log";

fn events(answer: &Answer) -> Vec<Value> {
    answer.json["events"].as_array().unwrap_or_else(|| panic!("no list: {answer:?}")).clone()
}

#[tokio::test]
async fn an_event_says_who_did_what_to_what_from_where_when_and_how_it_ended() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    let user = office.server.user_id("ada").await;
    let done = office.post(&format!("/admin/users/{user}/sign-out")).await;
    let answer = office.get(&format!("{LIST}?target_id={user}&action=user.signed_out_everywhere")).await;
    let event = &events(&answer)[0];
    assert_eq!(event["actor"]["kind"], "user");
    assert_eq!(event["actor"]["id"], office.server.user_id("root").await.to_string());
    assert_eq!(event["target"]["kind"], "user");
    assert_eq!(
        (event["outcome"].as_str(), event["ip_address"].as_str()),
        (Some("success"), Some("127.0.0.1"))
    );
    assert_eq!(event["request_id"], done.header("x-request-id"));
    assert!(event["details"]["ended"].is_object() && event["at"].as_str().unwrap().ends_with('Z'));
    drop(ada);
    for (filter, found) in [
        (format!("actor={user}"), false),
        ("outcome=refused".to_owned(), false),
        ("target_kind=user".to_owned(), true),
        (format!("request_id={}", done.header("x-request-id")), true),
        ("to=2020-01-01T00:00:00Z".to_owned(), false),
        ("from=2020-01-01T00:00:00Z".to_owned(), true),
    ] {
        let answer = office.get(&format!("{LIST}?action=user.signed_out_everywhere&{filter}")).await;
        assert_eq!(events(&answer).len() == 1, found, "{filter}: {answer:?}");
    }
}

#[tokio::test]
async fn the_list_goes_on_by_cursor_and_the_export_holds_it_all() {
    let office = Office::build().await;
    let page = office.get(&format!("{LIST}?limit=2")).await;
    let rest = office.get(&format!("{LIST}?limit=1000&cursor={}", page.string("next_cursor"))).await;
    let mut all = events(&page);
    all.extend(events(&rest));
    assert_eq!(rest.json["next_cursor"], Value::Null);
    assert_eq!(all, events(&office.get(LIST).await));
    let export = office.get(&format!("{LIST}?format=jsonl")).await;
    assert_eq!(export.header("content-type"), "application/jsonl");
    let lines: Vec<Value> = export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, all);
    let request =
        office.server.http.get(format!("{}{LIST}", office.server.base)).header("accept", "application/jsonl");
    let accepted = send(request.bearer_auth(office.admin.string("access_token"))).await;
    assert_eq!(accepted.text, export.text);
}

#[tokio::test]
async fn an_export_is_longer_than_what_is_read_at_once() {
    let office = Office::build().await;
    office
        .server
        .execute(
            "INSERT INTO audit_events (id, tenant_id, at, action, outcome, actor_kind, target_kind)
             SELECT gen_random_uuid(), t.id, now() - n * interval '1 s', 'many', 'success', 'server', 'test'
             FROM tenants t, generate_series(1, 2500) n WHERE t.slug = ''",
        )
        .await;
    let export = office.get(&format!("{LIST}?format=jsonl&action=many")).await;
    assert_eq!(export.text.lines().count(), 2500);
}

#[tokio::test]
async fn the_trail_of_another_tenant_is_not_seen() {
    let office = Office::build().await;
    let (theirs, base) = office.of_another_tenant().await;
    let ours = office.server.user_id("root").await;
    let answer = office.ask_with(Method::GET, &format!("{base}{LIST}?limit=1000"), &theirs).await;
    assert!(!events(&answer).is_empty() && !answer.text.contains(&ours.to_string()), "{answer:?}");
    let export = office.ask_with(Method::GET, &format!("{base}{LIST}?format=jsonl"), &theirs).await;
    assert!(!export.text.contains(&ours.to_string()));
}

#[tokio::test]
async fn an_auditor_reads_everything_and_changes_nothing() {
    let office = Office::build().await;
    let ben = office.server.person("ben", &["auditor"]).await;
    ben.sign_in().await;
    let get = |path: &str| ben.fetch(format!("{}{path}", office.server.base));
    let mut csrf = String::new();
    for path in [LIST, "/admin/users", "/admin/oauth/devices", "/admin/oauth/device-authorizations"] {
        let answer = send(get(path)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        csrf = answer.header("x-csrf-token").to_owned();
    }
    let ada = office.server.ada().await;
    let user = office.server.user_id(&ada.username).await;
    for path in [format!("/admin/users/{user}/sign-out"), format!("/admin/users/{user}/reset-password")] {
        let request =
            ben.browser().post(format!("{}{path}", office.server.base)).header("x-csrf-token", &csrf);
        let answer = send(request).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (403, "forbidden"), "{path}: {answer:?}");
    }
    office.must_be_closed(Method::GET, LIST).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_a_bad_parameter() {
    let office = Office::build().await;
    for bad in ["outcome=maybe", "request_id=1", "from=x", "to=x", "limit=0", "cursor=x", "format=csv"] {
        let answer = office.get(&format!("{LIST}?{bad}")).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (400, "invalid_parameter"), "{bad}: {answer:?}");
    }
}
