//! "I did not start this".

use serde_json::json;

use super::*;
use crate::support::mail_sink::MailSink;

#[tokio::test]
async fn a_report_denies_and_ends_the_other_codes_of_the_same_client_and_source() {
    let (server, _folder) = server().await;
    let (tv, radio) = (server.tv().await, server.public_client("radio", "openid").await);
    let ada = server.ada().await.forwarded_for(BERLIN);
    let (hers, sibling) = (start_from(&tv, PARIS).await, start_from(&tv, PARIS).await);
    let (of_another_client, from_elsewhere) =
        (start_from(&radio, PARIS).await, start_from(&tv, POTSDAM).await);
    let consent = open_by_link(&ada, &hers).await;
    let page = report(&ada, &consent).await;
    assert!(page.says("Thank you for telling us"), "{page:?}");
    tv.poll(&hers).await.must_be_error("access_denied");
    tv.poll(&sibling).await.must_be_error("access_denied");
    radio.poll(&of_another_client).await.must_be_error("authorization_pending");
    tv.poll(&from_elsewhere).await.must_be_error("authorization_pending");
    let told = told(&server, "device_session.reported").await;
    assert_eq!((&told["siblings_ended"], &told["source"]), (&json!(1), &json!(format!("{PARIS}/32"))));
    assert_eq!(report(&ada, &consent).await.status, 409);
}

#[tokio::test]
async fn nobody_reports_what_another_was_shown_or_without_the_form() {
    let server = TestServer::start().await;
    let (tv, ada, bob) = (server.tv().await, server.ada().await, server.person("bob", &[]).await);
    let started = tv.start("openid").await;
    let shown_to_ada = ada.open(&started.user_code).await.form("/device/report");
    let shown_to_bob = bob.open(&tv.start("openid").await.user_code).await;
    let (id, token) = (&shown_to_ada["session_id"], &shown_to_ada["decision_token"]);
    let forged = [("session_id", id.as_str()), ("decision_token", token)];
    assert_eq!(bob.submit(&shown_to_bob, "/device/report", &forged).await.status, 403);
    assert_eq!(ada.post("/device/report", &forged).await.status, 403);
    assert_eq!(ada.visit("/device/report").await.status, 405);
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn an_approval_that_waits_for_its_confirmation_can_still_be_disowned() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    set_policy(&server, "tv", json!({"approval": {"reverse_confirmation": "always"}})).await;
    let started = tv.start("openid").await;
    let page = ada.decide(&ada.open(&started.user_code).await, "approve").await;
    let shown = characters(&page);
    assert!(report(&ada, &page).await.says("Thank you for telling us"));
    server.hear_all().await;
    confirm(&tv, &started, &shown).await.must_be_error("access_denied");
}

#[tokio::test]
async fn reports_from_the_devices_own_network_freeze_nothing() {
    let (server, _folder) = server().await;
    let tv = server.tv().await;
    for number in 0..4 {
        let person = server.person(&format!("colleague-{number}"), &[]).await.forwarded_for(BERLIN_NEIGHBOUR);
        let started = start_from(&tv, BERLIN).await;
        report(&person, &open_by_link(&person, &started).await).await;
    }
    assert_eq!(ask_from(&tv, BERLIN).await.status, 200);
}

/// A server that writes mail, and knows some places.
async fn server_that_writes(sink: &MailSink) -> (TestServer, Folder) {
    server_with(|config| {
        config.mail.smtp_url = Some(sink.url.parse().expect("a URL"));
        "Latchkey <no-reply@example.org>".clone_into(&mut config.mail.from);
        config.policy.approval.many_accounts = 100;
    })
    .await
}

/// Has somebody in Berlin approve a code from Paris, and disown it by their mail's link at another address.
async fn disown_from(server: &TestServer, tv: &Device, sink: &mut MailSink, name: &str, address: &str) {
    let person = server.person(name, &[]).await;
    let started = start_from(tv, PARIS).await;
    person.forwarded_for(BERLIN).approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    let reader = person.forwarded_for(address);
    let page = reader.visit(&sink.next().await.link(&server.base)).await;
    let done = reader.submit(&page, "/device/not-me", &[]).await;
    assert!(done.says("The device is disconnected"), "{done:?}");
    tv.userinfo(&tokens.string("access_token")).await.must_be_an_invalid_token();
}

#[tokio::test]
async fn three_who_disown_by_mail_what_they_approved_freeze_its_source() {
    let mut sink = MailSink::start().await;
    let (server, _folder) = server_that_writes(&sink).await;
    let tv = server.tv().await;
    for name in ["ada", "bob"] {
        disown_from(&server, &tv, &mut sink, name, BERLIN).await;
    }
    let waiting = start_from(&tv, PARIS).await;
    disown_from(&server, &tv, &mut sink, "eve", POTSDAM).await;
    server.hear_all().await;
    assert_eq!(ask_from(&tv, PARIS).await.status, 429);
    tv.poll(&waiting).await.must_be_error("access_denied");
    assert_eq!(server.audited("source.frozen", "success").await, 1);
    assert_eq!(ask_from(&tv, POTSDAM).await.status, 200);
}

#[tokio::test]
async fn who_disowns_by_mail_where_the_device_is_freezes_nothing() {
    let mut sink = MailSink::start().await;
    let (server, _folder) = server_that_writes(&sink).await;
    let tv = server.tv().await;
    for name in ["ada", "bob", "eve", "mallory"] {
        disown_from(&server, &tv, &mut sink, name, PARIS).await;
    }
    server.hear_all().await;
    assert_eq!(ask_from(&tv, PARIS).await.status, 200);
}
