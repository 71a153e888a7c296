//! A person's devices: seeing and naming them.

use latchkey::model::tenant::DEFAULT_TENANT;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Home, SCOPES, id_of, path_of};
use crate::support::Answer;
use crate::support::device::send;

#[tokio::test]
async fn a_device_is_shown_with_all_its_fields() {
    let home = Home::build().await;
    let asked = home
        .tv
        .ask(&[
            ("scope", SCOPES),
            ("device_name", "Living room"),
            ("os", "Tizen 8"),
            ("hostname", "tv-1"),
            ("client_version", "4.2"),
            ("metadata", r#"{"room":7}"#),
        ])
        .await;
    home.ada.approve(&asked.string("user_code")).await;
    let tokens = home.tv.poll_code(&asked.string("device_code"), &[]).await;
    let answer = home.ask_with(Method::GET, &path_of(&tokens), &tokens).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("etag"), "\"1\"");
    let mut device = answer.json.clone();
    let members = device.as_object_mut().unwrap();
    for time in ["created_at", "updated_at", "expires_at", "last_login_at", "last_seen_at"] {
        let text = members.remove(time).unwrap();
        assert!(text.as_str().unwrap().ends_with('Z'), "{time}: {text}");
        assert!(chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).is_ok(), "{time}: {text}");
    }
    for place in ["city", "region", "country", "unusual_at"] {
        assert_eq!(members.remove(place), Some(Value::Null), "{place}");
    }
    let expected = json!({
        "id": id_of(&tokens), "name": "Living room", "display_name": "Living room", "user_id": home.server.user_id("ada").await.to_string(),
        "client_id": "tv", "trusted": false, "status": "active", "os": "Tizen 8", "ip_address": "127.0.0.1",
        "hostname": "tv-1", "client_version": "4.2", "metadata": {"room": 7}, "current": true
    });
    assert_eq!(device, expected);
    let seen_by_other = home.ask(Method::GET, &path_of(&tokens)).await;
    assert_eq!(seen_by_other.json["current"], false);
}

#[tokio::test]
async fn the_list_is_newest_first_and_comes_in_pages() {
    let home = Home::build().await;
    let mut ids = vec![id_of(&home.tokens)];
    for _ in 0..4 {
        home.server.clock.advance(20.0);
        ids.insert(0, id_of(&home.another().await));
    }
    assert_eq!(home.listed().await, ids);
    let page = home.ask(Method::GET, "/devices?offset=2&limit=2").await;
    let shown: Vec<_> = page.json.as_array().unwrap().iter().map(|device| device["id"].clone()).collect();
    assert_eq!(shown, [json!(ids[2]), json!(ids[3])]);
    assert_eq!(page.header("x-total-count"), "5");
    let link = |offset: u8, rel: &str| {
        format!("<{}/devices?offset={offset}&limit=2>; rel=\"{rel}\"", home.server.base)
    };
    let links = [link(0, "first"), link(0, "prev"), link(4, "next"), link(4, "last")];
    assert_eq!(page.header("link"), links.join(", "));
    let beyond = home.ask(Method::GET, "/devices?offset=100").await;
    assert_eq!((&beyond.json, beyond.header("x-total-count")), (&json!([]), "5"));
    let current: Vec<_> = home.ask(Method::GET, "/devices").await.json.as_array().unwrap().clone();
    let current: Vec<_> = current.iter().filter(|device| device["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], id_of(&home.tokens));
}

#[tokio::test]
async fn every_address_of_the_service_has_the_devices() {
    let home = Home::build().await;
    for path in ["/devices", "/devices/", "/api/v1/devices", "/api/v1/devices/"] {
        assert_eq!(home.ask(Method::GET, path).await.json.as_array().unwrap().len(), 1, "{path}");
    }
    let (acme, base) = home.server.tenant("acme").await;
    let tv = home.server.client_of(acme, &base, "tv", SCOPES, |_| ()).await;
    let eve = home.server.person_of(acme, &base, "eve", &[]).await;
    let tokens = tv.connect(&eve, SCOPES).await;
    for path in ["/t/acme/devices", "/t/acme/api/v1/devices?limit=1"] {
        let answer = home.ask_with(Method::GET, path, &tokens).await;
        assert_eq!(answer.json.as_array().unwrap().len(), 1, "{path} {answer:?}");
        assert!(answer.header("link").contains("/t/acme/devices?offset=0"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_name_and_metadata_are_changed_cleared_and_left() {
    let home = Home::build().await;
    home.server.clock.advance(300.0);
    let here = home.here();
    let named = home.tell(Method::PATCH, &here, &json!({"name": " Küche 📺 ", "metadata": {"a": [1]}})).await;
    assert_eq!(named.status, 200, "{named:?}");
    assert_eq!((&named.json["name"], &named.json["metadata"]), (&json!("Küche 📺"), &json!({"a": [1]})));
    assert_ne!(named.json["updated_at"], named.json["created_at"]);
    assert_eq!(named.header("etag"), "\"2\"");
    assert_eq!(home.ask(Method::GET, &here).await.json, named.json);
    let left = home.tell(Method::PUT, &here, &json!({})).await;
    assert_eq!((&left.json, left.header("etag")), (&named.json, "\"2\""));
    let cleared = home.tell(Method::PATCH, &here, &json!({"name": null})).await;
    assert_eq!((&cleared.json["name"], &cleared.json["metadata"]), (&Value::Null, &json!({"a": [1]})));
    let cleared = home.tell(Method::PUT, &here, &json!({"metadata": null})).await;
    assert_eq!(cleared.json["metadata"], json!({}));
    assert_eq!(home.server.audited("device.changed", "success").await, 3);
}

#[tokio::test]
async fn a_refresh_shows_when_the_device_was_last_seen_and_changes_nothing_else_of_it() {
    let home = Home::build().await;
    let before = home.ask(Method::GET, &home.here()).await;
    home.server.clock.advance(300.0);
    let refreshed = home.tv.refresh(&home.tokens.string("refresh_token")).await;
    let after = home.ask_with(Method::GET, &home.here(), &refreshed).await;
    assert_ne!(after.json["last_seen_at"], before.json["last_seen_at"]);
    assert_eq!(after.header("etag"), before.header("etag"));
    let mut same = after.json.clone();
    same["last_seen_at"] = before.json["last_seen_at"].clone();
    assert_eq!(same, before.json);
}

#[tokio::test]
async fn a_device_whose_time_is_over_is_expired() {
    let home = Home::build().await;
    let old = id_of(&home.tokens);
    home.server.clock.advance(91.0 * 86_400.0);
    let new = home.another().await;
    let answer = home.ask_with(Method::GET, &format!("/devices/{old}"), &new).await;
    assert_eq!(answer.json["status"], "expired", "{answer:?}");
}

#[tokio::test]
async fn a_code_that_waits_is_shown_in_the_same_shape_to_whoever_knows_it() {
    let home = Home::build().await;
    let asked = home.tv.ask(&[("scope", SCOPES), ("device_name", "New one")]).await;
    let code = asked.string("user_code");
    let before = home.server.rows().await;
    let pending = home.ask(Method::GET, &format!("/devices/{}", code.to_lowercase())).await;
    assert_eq!(pending.status, 200, "{pending:?}");
    assert_eq!(pending.json["status"], "pending");
    assert_eq!(pending.json["name"], "New one");
    assert_eq!(pending.json["user_id"], Value::Null);
    let mut after = home.server.rows().await;
    // Except that a guard was asked.
    after.insert("attempt_holds".to_owned(), before["attempt_holds"].clone());
    assert_eq!(after, before, "looking changes nothing");
    let connected = home.ask(Method::GET, &home.here()).await;
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&pending.json), names(&connected.json));
    home.ada.approve(&code).await;
    let approved = home.ask(Method::GET, &format!("/devices/{code}")).await;
    assert_eq!(approved.json["status"], "approved", "{approved:?}");
    home.tv.poll_code(&asked.string("device_code"), &[]).await.must_be_tokens();
    let collected = home.ask(Method::GET, &format!("/devices/{code}")).await;
    collected.must_be_problem(404, "device_not_found");
}

#[tokio::test]
async fn the_list_is_read_by_its_index() {
    let home = Home::build().await;
    let user = home.server.user_id("ada").await;
    let mut connection = home.server.app.db.acquire().await.unwrap();
    // With so few rows nothing is worth an index; what could use it is what the test is about.
    sqlx::query("SET enable_seqscan = off").execute(&mut *connection).await.unwrap();
    sqlx::query("SET enable_sort = off").execute(&mut *connection).await.unwrap();
    let plan: Vec<String> = sqlx::query_scalar(
        "EXPLAIN SELECT d.id FROM devices d
         WHERE d.tenant_id = $1 AND d.user_id = $2 AND d.revoked_at IS NULL ORDER BY d.created_at DESC LIMIT 100",
    )
    .bind(DEFAULT_TENANT.0)
    .bind(user.0)
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("devices_of_user") && !plan.contains("Sort"), "{plan}");
}

#[tokio::test]
async fn a_person_takes_trust_away_and_never_gives_it() {
    let home = Home::build().await;
    let phone = home.another().await;
    home.server
        .execute("UPDATE devices SET trusted = true, expires_at = created_at + interval '365 days'")
        .await;
    let tell = async |trusted: Value, tokens| {
        let request = home.server.http.patch(format!("{}{}", home.server.base, home.here()));
        let body = json!({"trusted": trusted, "name": "Attic"});
        send(request.bearer_auth(Answer::string(tokens, "access_token")).json(&body)).await
    };
    tell(json!(true), &phone).await.must_name("trusted");
    tell(json!(false), &home.tokens).await.must_be_problem(403, "forbidden");
    let before = home.ask(Method::GET, &home.here()).await;
    assert_eq!((&before.json["trusted"], &before.json["name"]), (&json!(true), &json!(null)));
    let taken = tell(json!(false), &phone).await;
    assert_eq!((taken.status.as_u16(), &taken.json["trusted"]), (200, &json!(false)), "{taken:?}");
    assert_eq!(taken.json["name"], "Attic");
    let days = home
        .server
        .count("SELECT extract(day FROM expires_at - created_at)::bigint FROM devices WHERE name = 'Attic'");
    assert_eq!(days.await, 90);
    assert_ne!(taken.header("etag"), before.header("etag"));
    let again = tell(json!(false), &phone).await;
    assert_eq!(again.header("etag"), taken.header("etag"), "there was nothing left to take");
    tell(json!(true), &phone).await.must_name("trusted");
    assert_eq!(home.server.audited("device.distrusted", "success").await, 1);
    assert_eq!(home.server.audited("device.changed", "success").await, 1);
}

#[tokio::test]
async fn a_device_is_shown_with_the_place_it_asked_from() {
    let home = Home::build().await;
    home.server
        .execute(
            r#"UPDATE devices SET place = '{"city": "Berlin", "region": "Land Berlin", "country": "DE"}'"#,
        )
        .await;
    let device = home.ask(Method::GET, &home.here()).await;
    for (member, value) in [("city", "Berlin"), ("region", "Land Berlin"), ("country", "DE")] {
        assert_eq!(device.json[member], value, "{device:?}");
    }
}
