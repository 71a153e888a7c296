//! "I did not start this".

use serde_json::json;

use super::*;
use crate::support::DpopKey;
use crate::support::mail_sink::MailSink;

#[tokio::test]
async fn a_report_of_ones_own_code_ends_no_code_of_other_people() {
    let (server, _folder) = server().await;
    let (tv, mallory) = (server.tv().await, server.person("mallory", &[]).await.forwarded_for(BERLIN));
    let hers = start_from(&tv, PARIS).await;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(start_from(&tv, PARIS).await);
    }
    let consent = open_by_link(&mallory, &hers).await;
    let page = report(&mallory, &consent).await;
    assert!(page.shows("report-done-title"), "{page:?}");
    tv.poll(&hers).await.must_be_error("access_denied");
    for other in &others {
        tv.poll(other).await.must_be_error("authorization_pending");
    }
    let told = told(&server, "device_authorization.reported").await;
    assert_eq!((&told["siblings_ended"], &told["source"]), (&json!(0), &json!(format!("{PARIS}/32"))));
    assert_eq!(report(&mallory, &consent).await.status, 200, "the same again");
}

#[tokio::test]
async fn a_report_ends_codes_with_the_same_key_or_linked_to_the_same_account() {
    let server = TestServer::start().await;
    let (tv, ada, bob) = (server.tv().await, server.ada().await, server.person("bob", &[]).await);
    let keyed = tv.with_key(&DpopKey::new(&server));
    let (hers, same_key) = (keyed.start("openid").await, keyed.start("openid").await);
    let other_key = tv.with_key(&DpopKey::new(&server)).start("openid").await;
    let radio = server.public_client("radio", "openid").await;
    let of_another_client = radio.with_key(keyed.key.as_ref().expect("a key")).start("openid").await;
    report(&ada, &open_by_link(&ada, &hers).await).await;
    keyed.poll(&same_key).await.must_be_error("access_denied");
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE state = 'pending'").await, 2);
    assert_ne!(other_key.user_code, of_another_client.user_code);

    let ask = async || {
        let request = tv.request("/oauth/device-authorization").header("user-agent", "kit/1.0");
        send(request.form(&[("client_id", "tv"), ("scope", "openid")])).await
    };
    let mut kit = Vec::new();
    for _ in 0..4 {
        kit.push(ask().await.string("user_code"));
    }
    let open = async |person: &Person, code: &str| {
        let form = person.visit(&format!("/device?user_code={code}")).await;
        let page = person.submit(&form, "/device", &[]).await;
        if page.location.ends_with("/sign-in") { sign_in_on(person, &page).await } else { page }
    };
    // Two links to the same account, one to another, and one code that nobody has opened.
    open(&ada, &kit[0]).await;
    open(&bob, &kit[1]).await;
    report(&ada, &open(&ada, &kit[2]).await).await;
    let told = told(&server, "device_authorization.reported").await;
    assert_eq!(told["siblings_ended"], 1);
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE state = 'pending'").await, 4);
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
    assert!(report(&ada, &page).await.shows("report-done-title"));
    server.hear_all().await;
    confirm(&tv, &started, &shown).await.must_be_error("access_denied");
}

#[tokio::test]
async fn reports_from_the_devices_own_network_freeze_nothing() {
    let (server, _folder) = server().await;
    let tv = server.tv().await;
    for number in 0..4 {
        let person = veteran(&server, &format!("colleague-{number}")).await.forwarded_for(BERLIN_NEIGHBOUR);
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
    let person = veteran(server, name).await;
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
