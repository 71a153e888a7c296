//! Figures over time.

use latchkey::domain::activity::write;
use latchkey::domain::housekeeping::{ACTIVITY, Chore, EXPIRED_AUTHORIZATIONS};
use reqwest::Method;
use serde_json::Value;

use super::Office;
use crate::support::{TestServer, until};

const HERE: &str = "/admin/oauth/activity";

async fn parts(office: &Office, span: &str) -> Vec<Value> {
    let answer = office.get(&format!("{HERE}?span={span}")).await;
    assert_eq!((answer.status.as_u16(), answer.json["span"].as_str()), (200, Some(span)), "{answer:?}");
    answer.json["parts"].as_array().expect("parts").clone()
}

fn sum(parts: &[Value], kind: &str) -> u64 {
    parts.iter().map(|part| part[kind].as_u64().expect("a number")).sum()
}

async fn written(server: &TestServer) {
    write(&server.app).await.expect("the database answers");
}

async fn clear(server: &TestServer, chore: Chore) -> u64 {
    chore.clear_batch(&server.app).await.expect("the database answers")
}

#[tokio::test]
async fn what_becomes_of_codes_and_how_they_are_polled_is_told_in_each_span() {
    let office =
        Office::at(TestServer::with(|config| config.tokens.access_lifetime_seconds = 10_000).await).await;
    let (server, tv) = (&office.server, &office.tv);
    let ada = server.ada().await;
    written(server).await;
    server.clock.advance(7_200.0);
    let (approved, denied) = (tv.start("openid").await, tv.start("openid").await);
    tv.start("openid").await;
    tv.poll(&approved).await.must_be_error("authorization_pending");
    tv.poll(&approved).await.must_be_error("slow_down");
    ada.approve(&approved.user_code).await;
    ada.deny(&denied.user_code).await;
    written(server).await;
    // Its last code expires after ten minutes, and is known to have a minute later.
    server.clock.advance(661.0);
    clear(server, EXPIRED_AUTHORIZATIONS).await;
    let told = parts(&office, "hour").await;
    assert_eq!(told.len(), 60);
    let figures = |kind| sum(&told, kind);
    let all = ["starts", "approvals", "denials", "expiries", "polls", "early_polls"].map(figures);
    assert_eq!(all, [3, 1, 1, 1, 2, 1]);
    // The administrator's own sign-in two hours ago counts for the day.
    for (span, length, seconds) in [("day", 48, 1_800), ("month", 30, 86_400)] {
        let told = parts(&office, span).await;
        assert_eq!((told.len(), sum(&told, "starts"), sum(&told, "expiries")), (length, 4, 1), "{span}");
        let answer = office.get(&format!("{HERE}?span={span}")).await;
        assert_eq!(answer.json["seconds_per_part"], seconds);
    }
    let at = |part: &Value| part["begins_at"].as_str().expect("a time").parse().expect("a time");
    let times: Vec<chrono::DateTime<chrono::Utc>> = told.iter().map(at).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == chrono::TimeDelta::minutes(1)), "{times:?}");
    assert!(server.clock.now() - times[59] < chrono::TimeDelta::minutes(1));
}

#[tokio::test]
async fn servers_add_up_and_an_expired_code_counts_once_in_the_minute_it_expired() {
    let office = Office::build().await;
    let (first, second) = (&office.server, office.server.replica().await);
    let (here, there) = (&office.tv, office.tv.at(&second.base));
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push((here.start("openid").await, there.start("openid").await));
    }
    for (ours, theirs) in &codes {
        here.poll(ours).await.must_be_error("authorization_pending");
        there.poll(theirs).await.must_be_error("authorization_pending");
    }
    let (ours, theirs) = tokio::join!(write(&first.app), write(&second.app));
    ours.and(theirs).expect("the database answers");
    let expired_at = first.clock.now() + chrono::TimeDelta::minutes(10);
    first.clock.advance(720.0);
    for _ in 0..2 {
        let (ours, theirs) = tokio::join!(
            EXPIRED_AUTHORIZATIONS.clear_batch(&first.app),
            EXPIRED_AUTHORIZATIONS.clear_batch(&second.app)
        );
        ours.and(theirs).expect("the database answers");
    }
    let told = parts(&office, "hour").await;
    assert_eq!((sum(&told, "polls"), sum(&told, "expiries")), (6, 6));
    let minute = expired_at.format("%Y-%m-%dT%H:%M:00Z").to_string();
    let then: Vec<_> = told.iter().filter(|part| part["begins_at"] == *minute).cloned().collect();
    assert_eq!(sum(&then, "expiries"), 6);
    // They are cleared away afterwards, and count no second time.
    first.clock.advance(600.0);
    assert_eq!(clear(first, EXPIRED_AUTHORIZATIONS).await, 6);
    assert_eq!(sum(&parts(&office, "hour").await, "expiries"), 6);
}

#[tokio::test]
async fn what_an_administrator_ends_counts_as_denied() {
    let office = Office::build().await;
    office.tv.start("openid").await;
    let list = office.get("/admin/oauth/device-authorizations?status=pending").await;
    let id = list.json["device_authorisations"][0]["id"].as_str().expect("an id").to_owned();
    office.post(&format!("/admin/oauth/device-authorizations/{id}/deny")).await;
    written(&office.server).await;
    assert_eq!(sum(&parts(&office, "hour").await, "denials"), 1);
}

#[tokio::test]
async fn minutes_are_forgotten_after_two_days_and_hours_after_a_month() {
    let office = Office::build().await;
    office.tv.start("openid").await;
    written(&office.server).await;
    let rows = async || office.server.count("SELECT count(*) FROM activity").await;
    assert_eq!(rows().await, 2);
    office.server.clock.advance(86_400.0 * 2.0 - 60.0);
    assert_eq!(clear(&office.server, ACTIVITY).await, 0);
    office.server.clock.advance(120.0);
    assert_eq!((clear(&office.server, ACTIVITY).await, rows().await), (1, 1));
    office.server.clock.advance(86_400.0 * 30.0);
    assert_eq!((clear(&office.server, ACTIVITY).await, rows().await), (1, 0));
}

#[tokio::test]
async fn figures_are_for_those_who_look_after_the_tenant() {
    let office = Office::build().await;
    office.must_be_closed(Method::GET, HERE).await;
    let answer = office.get(&format!("{HERE}?span=year")).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (400, "invalid_parameter"));
    assert_eq!(office.get(HERE).await.json["span"], "hour");
}

#[tokio::test]
async fn a_server_that_stops_writes_down_what_it_has_counted() {
    let server = TestServer::start().await;
    let watcher = server.replica().await;
    server.tv().await.start("openid").await;
    server.stop();
    let parts = async || watcher.count("SELECT count(*) FROM activity WHERE starts = 1").await;
    until("the start is written down", async || parts().await == 2).await;
}
