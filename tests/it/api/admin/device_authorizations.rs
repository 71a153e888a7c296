//! Device-authorization sessions, by cursor; and ending one.

use reqwest::Method;
use serde_json::{Value, json};

use super::Office;
use crate::support::{Answer, TestServer, until};

const LIST: &str = "/admin/oauth/device-authorizations";

fn items(answer: &Answer) -> Vec<Value> {
    answer.json["device_authorisations"].as_array().unwrap_or_else(|| panic!("no list: {answer:?}")).clone()
}

fn statuses(answer: &Answer) -> Vec<String> {
    items(answer).iter().map(|item| item["status"].as_str().expect("a status").to_owned()).collect()
}

#[tokio::test]
async fn a_session_is_shown_with_all_its_fields_and_never_with_its_device_code() {
    let office = Office::build().await;
    let started = office.tv.ask(&[("scope", "openid"), ("device_name", "Den"), ("os", "Tizen")]).await;
    let answer = office.get(&format!("{LIST}?status=pending")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json["next_cursor"], Value::Null);
    let mut item = items(&answer)[0].clone();
    let members = item.as_object_mut().unwrap();
    assert!(members.remove("id").unwrap().is_string());
    for time in ["createdAt", "expires_at"] {
        assert!(members.remove(time).unwrap().as_str().unwrap().ends_with('Z'), "{time}");
    }
    assert!(members["device"]["user_agent"].take().is_null());
    let expected = json!({
        "client_id": "tv", "user_code": started.string("user_code"), "scope": "openid",
        "poll_interval_seconds": 5, "last_polled_at": null, "approved_by_account_id": null, "approved_at": null,
        "denied_at": null, "consumed_at": null, "status": "pending", "poll_count": 0,
        "device": {"name": "Den", "os": "Tizen", "hostname": null, "client_version": null, "metadata": {},
                   "ip_address": "127.0.0.1", "user_agent": null}
    });
    assert_eq!(item, expected);
    let everything = office.get(LIST).await.text;
    assert!(!everything.contains(&started.string("device_code")) && !everything.contains("lkd_"));
}

#[tokio::test]
async fn each_status_is_that_of_the_device_at_this_moment() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    let (pending, approved) = (office.tv.start("openid").await, office.tv.start("openid").await);
    ada.approve(&approved.user_code).await;
    let denied = office.tv.start("openid").await;
    ada.deny(&denied.user_code).await;
    office.tv.connect(&ada, "openid").await;
    let count =
        async |status: &str| items(&office.get(&format!("{LIST}?status={status}&client_id=tv")).await).len();
    for status in ["pending", "approved", "denied", "consumed"] {
        assert_eq!(count(status).await, 1, "{status}");
    }
    assert_eq!(count("expired").await, 0);
    office.server.clock.advance(599.0);
    let late = office.tv.start("openid").await;
    office.server.clock.advance(2.0);
    // `late` waits; `pending` and `approved` have passed their time.
    assert_eq!((count("pending").await, count("approved").await, count("expired").await), (1, 0, 2));
    office.tv.poll(&pending).await.must_be_error("expired_token");
    office.tv.poll(&approved).await.must_be_error("expired_token");
    office.server.clock.advance(590.0);
    ada.sign_in().await;
    ada.approve(&late.user_code).await;
    // It was approved shortly before its end, and can be collected for a minute all the same.
    office.server.clock.advance(30.0);
    assert_eq!((count("approved").await, count("expired").await), (1, 2));
    office.server.clock.advance(31.0);
    assert_eq!((count("approved").await, count("expired").await), (0, 3));
    office.tv.poll(&late).await.must_be_error("expired_token");
}

#[tokio::test]
async fn the_list_is_newest_first_and_a_cursor_leads_to_its_end_without_gap_or_repetition() {
    let office = Office::build().await;
    for index in 0..7 {
        if index % 3 == 0 {
            office.server.clock.advance(3.0);
        }
        office.tv.start("openid").await;
    }
    let all: Vec<_> = items(&office.get(LIST).await).iter().map(|item| item["id"].clone()).collect();
    assert_eq!(all.len(), 8, "and the administrator's own");
    let (mut found, mut path) = (Vec::new(), format!("{LIST}?limit=3"));
    loop {
        let page = office.get(&path).await;
        found.extend(items(&page).iter().map(|item| item["id"].clone()));
        let Some(cursor) = page.json["next_cursor"].as_str() else { break };
        // What was started meanwhile is not in the way.
        office.tv.start("openid").await;
        path = format!("{LIST}?limit=3&cursor={cursor}");
    }
    assert_eq!(found, all);
    let times: Vec<_> = items(&office.get(LIST).await).iter().map(|item| item["createdAt"].clone()).collect();
    assert!(times.windows(2).all(|pair| pair[0].as_str() >= pair[1].as_str()), "{times:?}");
}

#[tokio::test]
async fn a_cursor_of_another_list_tenant_or_hand_is_refused() {
    let office = Office::build().await;
    for _ in 0..3 {
        office.tv.start("openid").await;
    }
    let cursor = office.get(&format!("{LIST}?limit=1")).await.string("next_cursor");
    let mut forged = cursor.clone().into_bytes();
    let middle = forged.len() / 2;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for bad in [forged.as_str(), "x", "AAAA", "%00"] {
        let answer = office.get(&format!("{LIST}?cursor={bad}")).await;
        assert_eq!(answer.status, 400, "{bad}: {answer:?}");
    }
    for other in ["/admin/users", "/admin/audit-log"] {
        let answer = office.get(&format!("{other}?cursor={cursor}")).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (400, "invalid_parameter"), "{answer:?}");
    }
    let narrower = office.get(&format!("{LIST}?client_id=tv&cursor={cursor}")).await;
    assert_eq!(narrower.status, 400, "{narrower:?}");
    let (theirs, base) = office.of_another_tenant().await;
    let answer = office.ask_with(Method::GET, &format!("{base}{LIST}?cursor={cursor}"), &theirs).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[tokio::test]
async fn filters_narrow_the_list_and_never_reach_another_tenant() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    office.tv.connect(&ada, "openid").await;
    let user = office.server.user_id("ada").await;
    let found = items(&office.get(&format!("{LIST}?user_id={user}")).await);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["approved_by_account_id"], user.to_string());
    assert_eq!(statuses(&office.get(&format!("{LIST}?client_id=tv")).await), ["consumed"]);
    let now = office.server.clock.now();
    let before = (now - chrono::TimeDelta::seconds(1)).to_rfc3339().replace('+', "%2B");
    let after = (now + chrono::TimeDelta::seconds(1)).to_rfc3339().replace('+', "%2B");
    for (filter, count) in [
        (format!("created_after={before}"), 2),
        (format!("created_after={after}"), 0),
        (format!("created_before={after}"), 2),
        (format!("created_before={before}"), 0),
    ] {
        assert_eq!(items(&office.get(&format!("{LIST}?{filter}")).await).len(), count, "{filter}");
    }
    let (theirs, base) = office.of_another_tenant().await;
    for filter in ["", "?client_id=tv", &format!("?user_id={user}")] {
        let answer = office.ask_with(Method::GET, &format!("{base}{LIST}{filter}"), &theirs).await;
        let foreign = items(&answer).iter().filter(|item| item["client_id"] == "tv").count();
        assert_eq!(foreign, 0, "{filter}: {answer:?}");
    }
    let with_foreign_token = office.ask_with(Method::GET, LIST, &theirs).await;
    assert_eq!(with_foreign_token.status, 401, "{with_foreign_token:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_a_bad_parameter() {
    let office = Office::build().await;
    for bad in [
        "status=authorized",
        "status=x",
        "user_id=1",
        "created_after=yesterday",
        "created_before=2026-13-01T00:00:00Z",
        "limit=0",
        "limit=1001",
        "limit=-1",
    ] {
        let answer = office.get(&format!("{LIST}?{bad}")).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (400, "invalid_parameter"), "{bad}: {answer:?}");
        assert_eq!(answer.json["errors"][0]["field"], bad.split('=').next().unwrap());
    }
    assert_eq!(office.get(&format!("{LIST}?limit=1&limit=2")).await.status, 400);
    office.must_be_closed(Method::GET, LIST).await;
}

#[tokio::test]
async fn polls_at_two_servers_are_counted_together() {
    let office = Office::build().await;
    let replica = office.server.replica().await;
    let started = office.tv.start("openid").await;
    for _ in 0..2 {
        office.server.clock.advance(6.0);
        office.tv.poll(&started).await.must_be_error("authorization_pending");
        office.server.clock.advance(6.0);
        office.tv.at(&replica.base).poll(&started).await.must_be_error("authorization_pending");
    }
    TestServer::have_written_polls(&[&office.server, &replica], 4).await;
    let item = items(&office.get(&format!("{LIST}?client_id=tv")).await)[0].clone();
    assert_eq!(item["poll_count"], 4);
    let now = office.server.clock.now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    assert_eq!(item["last_polled_at"], now);
}

#[tokio::test]
async fn ending_a_pending_session_reaches_a_waiting_poll_at_another_server() {
    let office = Office::at(TestServer::hearing().await).await;
    let replica = office.server.replica().await;
    let started = office.tv.start("openid").await;
    let id = items(&office.get(&format!("{LIST}?client_id=tv")).await)[0]["id"].as_str().unwrap().to_owned();
    let elsewhere = office.tv.at(&replica.base);
    elsewhere.poll(&started).await.must_be_error("authorization_pending");
    office.server.clock.advance(10.0);
    let waiting = {
        let request = elsewhere.request("/oauth/token").header("prefer", "wait=50").form(&[
            ("grant_type", crate::support::device::DEVICE_GRANT),
            ("device_code", &started.device_code),
            ("client_id", "tv"),
        ]);
        async move { crate::support::device::send(request).await }
    };
    let ending = async {
        until("the poll waits", async || !replica.app.waiting_polls.is_empty()).await;
        office.post(&format!("{LIST}/{id}/deny")).await
    };
    let (heard, ended) = tokio::join!(waiting, ending);
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!((ended.json["status"].as_str(), ended.json["id"].as_str()), (Some("denied"), Some(&*id)));
    assert!(ended.json["denied_at"].is_string());
    heard.must_be_error("access_denied");
    office.tv.poll(&started).await.must_be_error("access_denied");
    let again = office.post(&format!("{LIST}/{id}/deny")).await;
    assert_eq!((again.status.as_u16(), again.error()), (409, "not_pending"), "{again:?}");
    assert_eq!(again.json["metadata"]["status"], "denied");
    assert_eq!(office.server.audited("device_authorization.denied", "success").await, 1);
}

#[tokio::test]
async fn only_a_pending_session_of_the_tenant_can_be_ended() {
    let office = Office::build().await;
    let ada = office.server.ada().await;
    let tokens = office.tv.connect(&ada, "openid offline_access").await;
    let id = items(&office.get(&format!("{LIST}?client_id=tv")).await)[0]["id"].as_str().unwrap().to_owned();
    let answer = office.post(&format!("{LIST}/{id}/deny")).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (409, "not_pending"), "{answer:?}");
    assert_eq!(answer.json["metadata"]["status"], "consumed");
    office.tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    let stale = office.tv.start("openid").await;
    office.server.clock.advance(601.0);
    let expired = office.get(&format!("{LIST}?status=expired")).await;
    let id = items(&expired)[0]["id"].as_str().unwrap().to_owned();
    let office_again =
        Office { admin: office.console.connect(&root(&office), "openid admin").await, ..office };
    let answer = office_again.post(&format!("{LIST}/{id}/deny")).await;
    assert_eq!(answer.json["metadata"]["status"], "expired", "{answer:?}");
    office_again.tv.poll(&stale).await.must_be_error("expired_token");
    let (theirs, base) = office_again.of_another_tenant().await;
    for (path, tokens) in
        [(format!("{base}{LIST}/{id}/deny"), &theirs), (format!("{LIST}/x/deny"), &office_again.admin)]
    {
        let answer = office_again.ask_with(Method::POST, &path, tokens).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    office_again.must_be_closed(Method::POST, &format!("{LIST}/{id}/deny")).await;
}

fn root(office: &Office) -> crate::support::Person {
    crate::support::Person::new(&office.server.base, "root", crate::support::server::PASSWORD)
}
