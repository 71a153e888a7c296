//! Everybody's devices.

use reqwest::Method;
use serde_json::{Value, json};

use super::Office;
use crate::api::id_of;
use crate::support::device::send;
use crate::support::{Answer, Person};

const LIST: &str = "/admin/devices";
const SCOPES: &str = "openid offline_access devices";

impl Office {
    /// An office where televisions may look after their owners' devices, with one of Ada's and one of Eve's.
    async fn with_devices() -> (Self, Person, Answer, Answer) {
        let mut office = Self::build().await;
        office.tv = office.server.public_client("player", SCOPES).await;
        office.server.clock.advance(20.0);
        let (ada, eve) = (office.server.ada().await, office.server.person("eve", &[]).await);
        let of_ada = office.tv.connect(&ada, SCOPES).await;
        office.server.clock.advance(20.0);
        let of_eve = office.tv.connect(&eve, SCOPES).await;
        (office, ada, of_ada, of_eve)
    }

    async fn ids(&self, query: &str) -> Vec<Value> {
        let list = self.get(&format!("{LIST}?{query}")).await;
        let devices = list.json["devices"].as_array().unwrap_or_else(|| panic!("no list: {list:?}"));
        devices.iter().map(|device| device["id"].clone()).collect()
    }
}

fn path_of(tokens: &Answer) -> String {
    format!("{LIST}/{}", id_of(tokens))
}

#[tokio::test]
async fn all_devices_of_the_tenant_are_listed_newest_first_and_filtered() {
    let (office, _, of_ada, of_eve) = Office::with_devices().await;
    let (ada, eve, root) = (id_of(&of_ada), id_of(&of_eve), id_of(&office.admin));
    assert_eq!(office.ids("").await, [json!(eve), json!(ada), json!(root)]);
    assert_eq!(office.ids("client_id=player").await, [json!(eve), json!(ada)]);
    let user = office.server.user_id("ada").await;
    assert_eq!(office.ids(&format!("user_id={user}")).await, [json!(ada)]);
    assert_eq!(office.post(&format!("{}/lock", path_of(&of_ada))).await.json["status"], "locked");
    assert_eq!(office.ids("status=locked").await, [json!(ada)]);
    assert_eq!(office.ids("status=active&client_id=player").await, [json!(eve)]);
    assert_eq!(office.ids("status=expired").await, [] as [Value; 0]);
    let placed = "UPDATE devices SET place = '{\"country\": \"NL\"}' WHERE user_id = (SELECT id FROM users WHERE username = 'eve')";
    sqlx::query(placed).execute(&office.server.app.db).await.unwrap();
    assert_eq!(office.ids("country=nl").await, [json!(eve)]);
    assert_eq!(office.get(&path_of(&of_eve)).await.json["country"], "NL");
    let between = office.server.clock.now() - chrono::TimeDelta::seconds(10);
    let between = between.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_eq!(office.ids(&format!("last_seen_before={between}&client_id=player")).await, [json!(ada)]);
    let first = office.get(&format!("{LIST}?limit=2")).await;
    assert_eq!(first.json["devices"].as_array().unwrap().len(), 2);
    let cursor = first.string("next_cursor");
    let rest = office.get(&format!("{LIST}?limit=2&cursor={cursor}")).await;
    assert_eq!((&rest.json["devices"][0]["id"], &rest.json["next_cursor"]), (&json!(root), &Value::Null));
    for (query, field) in [
        ("status=pending", "status"),
        ("country=NLD", "country"),
        ("user_id=x", "user_id"),
        ("last_seen_before=x", "last_seen_before"),
        ("limit=0", "limit"),
        ("client_id=player&cursor=x", "cursor"),
    ] {
        let bad = office.get(&format!("{LIST}?{query}")).await;
        assert_eq!((bad.status.as_u16(), &bad.json["errors"][0]["field"]), (400, &json!(field)), "{bad:?}");
    }
}

#[tokio::test]
async fn what_an_administrator_locked_its_owner_does_not_unlock() {
    let (office, ada, of_ada, _) = Office::with_devices().await;
    let another = office.tv.connect(&ada, SCOPES).await;
    let path = path_of(&of_ada);
    let own_path = format!("/devices/{}", id_of(&of_ada));
    let own_lock = office.ask_with(Method::POST, &format!("{own_path}/lock"), &another).await;
    assert_eq!(own_lock.status, 200, "{own_lock:?}");
    let locked = office.post(&format!("{path}/lock")).await;
    assert_eq!((locked.status.as_u16(), &locked.json["status"]), (200, &json!("locked")), "{locked:?}");
    assert_eq!(office.tv.refresh(&of_ada.string("refresh_token")).await.status, 503);
    let own = office.ask_with(Method::POST, &format!("{own_path}/unlock"), &another).await;
    assert_eq!((own.status.as_u16(), own.error()), (409, "locked_by_administrator"), "{own:?}");
    let unlocked = office.post(&format!("{path}/unlock")).await;
    assert_eq!((unlocked.status.as_u16(), &unlocked.json["status"]), (200, &json!("active")));
    assert_eq!(office.tv.refresh(&of_ada.string("refresh_token")).await.status, 200);
    let trail = office.get("/admin/audit-log?action=device.locked").await;
    let root = office.server.user_id("root").await.to_string();
    let events = trail.json["events"].as_array().unwrap();
    assert_eq!(events.iter().filter(|event| event["actor"]["id"] == root).count(), 1, "{trail:?}");
}

#[tokio::test]
async fn an_administrator_names_and_disconnects_anybodys_device() {
    let (office, _, of_ada, of_eve) = Office::with_devices().await;
    let path = path_of(&of_ada);
    let named = office.tell_version(Method::PATCH, &path, &json!({"name": "Kitchen"}), "\"1\"").await;
    assert_eq!((named.status.as_u16(), &named.json["name"]), (200, &json!("Kitchen")), "{named:?}");
    assert_eq!(named.header("etag"), "\"2\"");
    let stale = office.tell_version(Method::PATCH, &path, &json!({"name": "Hall"}), "\"1\"").await;
    assert_eq!((stale.status.as_u16(), stale.error()), (412, "stale"));
    let given = office.tell(Method::PATCH, &path, &json!({"trusted": true})).await;
    assert_eq!((given.status.as_u16(), &given.json["errors"][0]["field"]), (422, &json!("trusted")));
    assert_eq!(office.tell(Method::PATCH, &path, &json!({"os": "x"})).await.status, 422);
    assert_eq!(office.ask(Method::DELETE, &path).await.status, 204);
    assert_eq!(office.tv.refresh(&of_ada.string("refresh_token")).await.error(), "invalid_grant");
    for gone in [path.as_str(), "/admin/devices/x", "/admin/devices/00000000-0000-7000-8000-000000000000"] {
        let answer = office.get(gone).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (404, "device_not_found"), "{answer:?}");
    }
    assert_eq!(office.tv.refresh(&of_eve.string("refresh_token")).await.status, 200);
}

#[tokio::test]
async fn many_devices_are_counted_and_then_disconnected() {
    let (office, _, of_ada, of_eve) = Office::with_devices().await;
    let path = "/admin/devices/revoke";
    let counted = office.tell(Method::POST, path, &json!({"client_id": "player", "preview": true})).await;
    assert_eq!(counted.json, json!({"matching": 2, "revoked": 0}), "{counted:?}");
    assert_eq!(office.ids("client_id=player").await.len(), 2);
    let done = office.tell(Method::POST, path, &json!({"client_id": "player"})).await;
    assert_eq!(done.json, json!({"matching": 2, "revoked": 2}), "{done:?}");
    assert_eq!(office.ids("").await, [json!(id_of(&office.admin))]);
    for tokens in [of_ada, of_eve] {
        assert_eq!(office.tv.refresh(&tokens.string("refresh_token")).await.error(), "invalid_grant");
    }
    assert_eq!(office.server.audited("token_family.revoked", "success").await, 2);
    let again = office.tell(Method::POST, path, &json!({"client_id": "player"})).await;
    assert_eq!(again.json, json!({"matching": 0, "revoked": 0}));
    for unfit in [
        json!({}),
        json!({"preview": true}),
        json!({"status": "pending"}),
        json!({"country": "N1"}),
        json!({"all": true}),
    ] {
        assert_eq!(office.tell(Method::POST, path, &unfit).await.status, 422, "{unfit}");
    }
}

#[tokio::test]
async fn everybodys_devices_are_for_administrators_of_the_same_tenant() {
    let (office, _, of_ada, _) = Office::with_devices().await;
    let path = path_of(&of_ada);
    let writes = [
        (Method::PATCH, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/lock")),
        (Method::POST, format!("{path}/unlock")),
        (Method::POST, "/admin/devices/revoke".to_owned()),
    ];
    let reads = [(Method::GET, LIST.to_owned()), (Method::GET, path.clone())];
    for (method, path) in writes.iter().chain(&reads) {
        office.must_be_closed(method.clone(), path).await;
    }
    let auditor = office.server.person("audrey", &["auditor"]).await;
    auditor.sign_in().await;
    let mut csrf = String::new();
    for (_, path) in &reads {
        let answer = send(auditor.fetch(format!("{}{path}", office.server.base))).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        csrf = answer.header("x-csrf-token").to_owned();
    }
    for (method, path) in &writes {
        let request = auditor.browser().request(method.clone(), format!("{}{path}", office.server.base));
        let answer = send(request.header("x-csrf-token", &csrf).json(&json!({}))).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error()),
            (403, "forbidden"),
            "{method} {path}: {answer:?}"
        );
    }
    let (elsewhere, base) = office.of_another_tenant().await;
    for (method, path) in writes[..4].iter().chain(&reads[1..]) {
        let request =
            office.server.http.request(method.clone(), format!("{}{base}{path}", office.server.base));
        let request = request.bearer_auth(elsewhere.string("access_token")).json(&json!({}));
        assert_eq!(send(request).await.status, 404, "{method} {path}");
    }
    let list = office.ask_with(Method::GET, &format!("{base}{LIST}"), &elsewhere).await;
    assert_eq!(list.json["devices"].as_array().unwrap().len(), 1, "{list:?}");
    assert_eq!(office.get(&path).await.status, 200);
}
