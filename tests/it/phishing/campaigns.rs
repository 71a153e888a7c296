//! Many people talked into approving codes of one source, and many who are not.

use chrono::TimeDelta;
use latchkey::domain::activity;
use latchkey::domain::campaigns::{self, Campaign};
use latchkey::model::audit_event::Actor;
use serde_json::json;

use super::*;

/// Has `count` people from Berlin, each with an account of their own, approve codes of an address by typing them.
async fn approve_by_many(server: &TestServer, tv: &Device, address: &str, count: usize) -> Vec<Started> {
    let mut all = Vec::new();
    for number in 0..count {
        let person = veteran(server, &format!("{}-{number}", address.replace('.', "-"))).await;
        let person = person.forwarded_for(&format!("192.0.2.{}", 20 + number));
        let started = start_from(tv, address).await;
        let consent = person.open(&started.user_code).await;
        person.decide(&consent, "approve").await;
        all.push(started);
    }
    all
}

/// The defaults, but for what is tried here: so many codes of one source make people type and sign in anew.
fn patient(config: &mut Config) {
    config.policy.approval.many_accounts = 100;
}

#[tokio::test]
async fn a_source_whose_codes_many_strangers_approve_from_far_away_is_frozen() {
    let (server, _folder) = server_with(patient).await;
    let tv = server.tv().await;
    let waiting = start_from(&tv, PARIS).await;
    let approved = approve_by_many(&server, &tv, PARIS, 5).await;
    for started in &approved[..4] {
        tv.poll(started).await.must_be_tokens();
    }
    tv.poll(&approved[4]).await.must_be_error("access_denied");
    tv.poll(&waiting).await.must_be_error("access_denied");
    server.hear_all().await;
    let refused = ask_from(&tv, PARIS).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (429, "temporarily_unavailable"));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(ask_from(&tv, POTSDAM).await.status, 200);
    assert_eq!(server.audited("source.frozen", "success").await, 1);

    let source = format!("{PARIS}/32").parse().expect("a network");
    assert!(
        campaigns::release(&server.app, DEFAULT_TENANT, source, Actor::Operator).await.expect("an answer")
    );
    assert!(
        !campaigns::release(&server.app, DEFAULT_TENANT, source, Actor::Operator).await.expect("an answer")
    );
    assert_eq!(ask_from(&tv, PARIS).await.status, 200);
}

#[tokio::test]
async fn an_office_behind_one_address_is_never_frozen_by_honest_use() {
    let (server, _folder) = server_with(patient).await;
    let tv = server.tv().await;
    for started in approve_by_many(&server, &tv, POTSDAM, 8).await {
        tv.poll(&started).await.must_be_tokens();
    }
    assert_eq!(ask_from(&tv, POTSDAM).await.status, 200);
}

#[tokio::test]
async fn a_freeze_thaws_and_trusted_networks_and_report_only_know_none() {
    let (server, _folder) = server_with(|config| {
        patient(config);
        config.policy.approval.campaign.trusted_networks =
            vec!["198.51.100.0/25".parse().expect("a network")];
    })
    .await;
    let tv = server.tv().await;
    approve_by_many(&server, &tv, PARIS, 6).await;
    assert_eq!(ask_from(&tv, PARIS).await.status, 200);
    approve_by_many(&server, &tv, "198.51.100.200", 5).await;
    server.hear_all().await;
    assert_eq!(ask_from(&tv, "198.51.100.200").await.status, 429);
    server.clock.advance(86_401.0);
    assert_eq!(ask_from(&tv, "198.51.100.200").await.status, 200);

    set_policy(&server, "tv", json!({"approval": {"mode": "report_only"}})).await;
    approve_by_many(&server, &tv, "198.51.100.201", 5).await;
    server.hear_all().await;
    assert_eq!(ask_from(&tv, "198.51.100.201").await.status, 200);
    assert!(server.audited("source.frozen", "refused").await > 0);
}

#[tokio::test]
async fn three_reports_from_elsewhere_freeze_a_source() {
    let (server, _folder) = server().await;
    let tv = server.tv().await;
    for number in 0..3 {
        assert_eq!(ask_from(&tv, PARIS).await.status, 200, "{number}");
        let person = veteran(&server, &format!("victim-{number}")).await.forwarded_for(BERLIN);
        let started = start_from(&tv, PARIS).await;
        report(&person, &open_by_link(&person, &started).await).await;
    }
    server.hear_all().await;
    assert_eq!(ask_from(&tv, PARIS).await.status, 429);
}

#[tokio::test]
async fn accounts_that_cost_nothing_or_use_the_source_themselves_freeze_nothing() {
    let (server, _folder) = server_with(patient).await;
    let tv = server.tv().await;
    for number in 0..6 {
        // Of its own accord: a new account that reports its own code.
        let fresh = server.person(&format!("fresh-{number}"), &[]).await.forwarded_for(BERLIN);
        let started = start_from(&tv, PARIS).await;
        report(&fresh, &open_by_link(&fresh, &started).await).await;
        // A neighbor who goes elsewhere to say so.
        let neighbor = veteran(&server, &format!("neighbor-{number}")).await;
        neighbor.forwarded_for("198.51.100.99").sign_in().await;
        let elsewhere = neighbor.forwarded_for(BERLIN);
        let started = start_from(&tv, PARIS).await;
        report(&elsewhere, &open_by_link(&elsewhere, &started).await).await;
    }
    server.hear_all().await;
    assert_eq!(ask_from(&tv, PARIS).await.status, 200);
    assert_eq!(server.audited("source.frozen", "success").await, 0);
}

#[tokio::test]
async fn an_account_that_reports_one_source_after_the_other_counts_for_little() {
    let (server, _folder) = server_with(patient).await;
    let tv = server.tv().await;
    let mut people = Vec::new();
    for number in 0..3 {
        people.push(veteran(&server, &format!("busy-{number}")).await.forwarded_for(BERLIN));
    }
    let sources = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
    for source in sources {
        for person in &people {
            let answer = ask_from(&tv, source).await;
            let link = format!("/device?user_code={}", answer.string("user_code"));
            let form = person.visit(&link).await;
            let page = person.submit(&form, "/device", &[]).await;
            let page =
                if page.location.ends_with("/sign-in") { sign_in_on(person, &page).await } else { page };
            report(person, &page).await;
        }
        server.hear_all().await;
    }
    let frozen = [ask_from(&tv, sources[0]).await, ask_from(&tv, sources[2]).await];
    assert_eq!(frozen.map(|answer| answer.status.as_u16()), [429, 200]);
}

#[tokio::test]
async fn one_command_undoes_all_that_came_from_a_source_and_nothing_else() {
    let (server, _folder) = server().await;
    let tv = server.tv().await;
    let (ada, since) = (server.ada().await, server.clock.now() - TimeDelta::days(1));
    let (caught, honest) = (start_from(&tv, PARIS).await, start_from(&tv, POTSDAM).await);
    let mut tokens = Vec::new();
    for started in [&caught, &honest] {
        ada.forwarded_for(BERLIN).approve(&started.user_code).await;
        tokens.push(tv.poll(started).await.string("access_token"));
    }
    let waiting = start_from(&tv, PARIS).await;
    let uncollected = start_from(&tv, PARIS).await;
    ada.forwarded_for(BERLIN).approve(&uncollected.user_code).await;

    let source = "198.51.100.0/24".parse().expect("a network");
    let all = Campaign { devices: 1, accounts: 1, codes: 2 };
    let app = &server.app;
    assert_eq!(campaigns::inspect(app, DEFAULT_TENANT, source, since).await.expect("an answer"), all);
    tv.poll(&waiting).await.must_be_error("authorization_pending");
    let undone = campaigns::revoke(app, DEFAULT_TENANT, source, since, Actor::Operator).await;
    assert_eq!(undone.expect("an answer"), all);
    server.clock.advance(6.0);
    tv.poll(&waiting).await.must_be_error("access_denied");
    tv.poll(&uncollected).await.must_be_error("access_denied");
    assert_eq!(ask_from(&tv, PARIS).await.status, 429);
    let living = server.count("SELECT count(*) FROM devices WHERE revoked_at IS NULL").await;
    assert_eq!(living, 1);
    assert_eq!(server.audited("campaign.revoked", "success").await, 1);
    // Of the two codes one waited; the other counts as approved.
    activity::write(app).await.expect("the database answers");
    let counted = "SELECT sum(denials)::bigint FROM activity WHERE minutes = 60";
    assert_eq!(server.count(counted).await, 1);
    let listed = campaigns::list(app, DEFAULT_TENANT, since).await.expect("an answer");
    assert!(listed.iter().any(|suspected| suspected.source == source && suspected.frozen_until.is_some()));
}
