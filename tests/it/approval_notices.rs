//! Whoever approves is told by mail, and can say that it was not them.

use latchkey::config::Config;
use latchkey::domain::housekeeping::APPROVAL_NOTICES;
use latchkey::languages::Language;
use latchkey::mail::send_due;
use tokio::net::TcpListener;

use crate::support::device::send;
use crate::support::front_end::CONSENT;
use crate::support::mail_sink::{Mail, MailSink};
use crate::support::{Device, Page, Person, Started, TestServer, until, words};

fn with_mail(config: &mut Config, url: &str) {
    config.mail.smtp_url = Some(url.parse().expect("a URL"));
    "Latchkey <no-reply@example.org>".clone_into(&mut config.mail.from);
}

/// A server that sends mail to the sink, a device, and a person with a verified address.
async fn scene(sink: &MailSink) -> (TestServer, Device, Person) {
    let server = TestServer::with(|config| with_mail(config, &sink.url)).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    server.execute("UPDATE users SET email_verified = true").await;
    (server, tv, ada)
}

/// The address of a mail server that is not there.
async fn nowhere() -> String {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("smtp://{}", free.local_addr().expect("an address"))
}

async fn approve(tv: &Device, ada: &Person) -> Started {
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    started
}

/// Follows the link of a message in a browser that is signed in nowhere, and presses the button.
async fn press(ada: &Person, mail: &Mail) -> Page {
    let anybody = ada.at_another_browser();
    let page = anybody.visit(&mail.link(&ada.base)).await;
    assert_eq!(page.status, 200, "{page:?}");
    anybody.submit(&page, "/device/not-me", &[]).await
}

#[tokio::test]
async fn a_person_who_was_told_of_an_approval_can_end_it_without_signing_in() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let request = tv.request("/oauth/device-authorization").form(&[
        ("client_id", "tv"),
        ("scope", "openid offline_access"),
        ("device_name", "Living room"),
    ]);
    let answer = send(request).await;
    ada.approve(&answer.string("user_code")).await;
    let tokens = tv.poll_code(&answer.string("device_code"), &[]).await;
    tokens.must_be_tokens();

    let mail = sink.next().await;
    assert_eq!(mail.recipients, ["ada@example.org"]);
    assert_eq!(mail.header("from"), ["Latchkey <no-reply@example.org>"]);
    assert_eq!(mail.header("to"), ["ada@example.org"]);
    assert_eq!(mail.header("subject"), ["The tv app was connected to your account"]);
    assert_eq!(mail.header("auto-submitted"), ["auto-generated"]);
    for said in ["The tv app", "Living room", "127.0.0.1", "UTC", &words::t("mail-approval-link").plain()] {
        assert!(mail.text.contains(said), "{said}: {mail:?}");
    }

    let anybody = ada.at_another_browser();
    let page = anybody.visit(&mail.link(&server.base)).await;
    assert!(page.says("The tv app") && page.says("Living room"), "{page:?}");
    // Looking changes nothing, however often.
    anybody.visit(&mail.link(&server.base)).await;
    let tokens = tv.refresh(&tokens.string("refresh_token")).await;
    tokens.must_be_tokens();

    let page = anybody.submit(&page, "/device/not-me", &[]).await;
    assert!(page.says("The device is disconnected") && page.shows("not-me-done"), "{page:?}");
    tv.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    assert_eq!(server.audited("device_authorization.disowned", "success").await, 1);
    assert_eq!(server.audited("token_family.revoked", "success").await, 1);

    // Once.
    assert_eq!(anybody.visit(&mail.link(&server.base)).await.status, 404);
}

#[tokio::test]
async fn the_message_is_in_the_language_the_person_approved_in() {
    let mut sink = MailSink::start().await;
    let (_server, tv, ada) = scene(&sink).await;
    let page = ada.open(&tv.start("openid").await.user_code).await;
    let page = ada.submit(&page, "/language", &[("language", "de")]).await;
    ada.decide(&page, "approve").await;
    let mail = sink.next().await;
    assert_eq!(mail.header("subject"), ["The tv app wurde mit Ihrem Konto verbunden"]);
    assert!(mail.text.contains(&Language::German.t("mail-approval-link").plain()), "{mail:?}");
}

#[tokio::test]
async fn an_approval_that_is_disowned_before_its_tokens_are_collected_never_yields_any() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let started = approve(&tv, &ada).await;
    let page = press(&ada, &sink.next().await).await;
    assert!(page.says("The device is disconnected"), "{page:?}");
    tv.poll(&started).await.must_be_error("access_denied");
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 0);
}

#[tokio::test]
async fn an_approval_that_waits_for_its_confirmation_can_be_disowned_too() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let always = "UPDATE clients SET policy = '{\"approval\": {\"reverse_confirmation\": \"always\"}}'";
    server.execute(always).await;
    let page = ada.open(&tv.start("openid").await.user_code).await;
    ada.decide(&page, "approve").await;
    let confirming = "SELECT count(*) FROM device_authorizations WHERE state = 'confirming'";
    assert_eq!(server.count(confirming).await, 1);
    press(&ada, &sink.next().await).await;
    assert_eq!(server.count(confirming).await, 0);
}

#[tokio::test]
async fn the_device_has_the_name_that_the_person_gave_it() {
    let mut sink = MailSink::start().await;
    let (_server, tv, ada) = scene(&sink).await;
    let page = ada.open(&tv.start("openid").await.user_code).await;
    ada.submit(&page, "/device/consent", &[("decision", "approve"), ("device_name", "Küche")]).await;
    let mail = sink.next().await;
    assert!(mail.text.contains("Device: Küche"), "{mail:?}");
}

#[tokio::test]
async fn only_one_connection_ends() {
    let mut sink = MailSink::start().await;
    let (_server, tv, ada) = scene(&sink).await;
    let first = tv.poll(&approve(&tv, &ada).await).await;
    let mail = sink.next().await;
    let second = tv.poll(&approve(&tv, &ada).await).await;
    sink.next().await;
    press(&ada, &mail).await;
    tv.refresh(&first.string("refresh_token")).await.must_be_error("invalid_grant");
    tv.refresh(&second.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn an_approval_does_not_wait_for_a_mail_server_that_is_away() {
    let url = nowhere().await;
    let server = TestServer::with(|config| with_mail(config, &url)).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    server.execute("UPDATE users SET email_verified = true").await;
    let started = approve(&tv, &ada).await;
    tv.poll(&started).await.must_be_tokens();
    // The server tries by itself too; whoever is first has failed, and the next attempt is later.
    while server.count("SELECT count(*) FROM approval_notices WHERE attempts = 1 AND sent_at IS NULL").await
        == 0
    {
        send_due(&server.app).await.expect("the database answers");
    }

    let mut sink = MailSink::at(&url).await;
    server.clock.advance(121.0);
    send_due(&server.app).await.expect("the database answers");
    assert_eq!(sink.next().await.recipients, ["ada@example.org"]);
    server.clock.advance(86_400.0);
    send_due(&server.app).await.expect("the database answers");
    assert!(sink.is_empty());
}

#[tokio::test]
async fn a_message_is_given_up_after_a_day_and_what_its_link_carried_is_forgotten() {
    let url = nowhere().await;
    let server = TestServer::with(|config| with_mail(config, &url)).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    server.execute("UPDATE users SET email_verified = true").await;
    approve(&tv, &ada).await;
    let waiting = "SELECT count(*) FROM approval_notices WHERE due_at IS NOT NULL";
    for _ in 0..60 {
        send_due(&server.app).await.expect("the database answers");
        server.clock.advance(3_601.0);
    }
    assert_eq!(server.count(waiting).await, 0);
    assert_eq!(server.count("SELECT count(*) FROM approval_notices WHERE token_sealed IS NULL").await, 1);
}

#[tokio::test]
async fn several_servers_send_each_message_once() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let second = server.replica().await;
    for _ in 0..5 {
        approve(&tv, &ada).await;
    }
    while server.count("SELECT count(*) FROM approval_notices WHERE sent_at IS NULL").await > 0 {
        let (one, other) = tokio::join!(send_due(&server.app), send_due(&second.app));
        one.and(other).expect("the database answers");
    }
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..5 {
        ids.insert(sink.next().await.header("message-id").concat());
    }
    assert_eq!(ids.len(), 5);
    assert!(sink.is_empty());
}

#[tokio::test]
async fn nobody_is_written_to_whose_address_is_not_known_to_be_theirs() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    server.execute("UPDATE users SET email_verified = false").await;
    approve(&tv, &ada).await;
    ada.deny(&tv.start("openid").await.user_code).await;
    server.execute("UPDATE users SET email_verified = true, email = NULL").await;
    approve(&tv, &ada).await;
    assert_eq!(server.count("SELECT count(*) FROM approval_notices").await, 0);
    assert!(sink.is_empty());
}

#[tokio::test]
async fn without_a_mail_server_nothing_is_laid_by() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    server.execute("UPDATE users SET email_verified = true").await;
    approve(&tv, &ada).await;
    assert_eq!(server.count("SELECT count(*) FROM approval_notices").await, 0);
}

#[tokio::test]
async fn no_name_can_add_a_header_a_recipient_or_a_line() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let hostile = "TV\r\nBcc: eve@example.org\r\n\r\nhttps://evil.example/";
    sqlx::query("UPDATE clients SET name = $1")
        .bind(hostile)
        .execute(&server.app.db)
        .await
        .expect("it is set");
    server.hear_all().await;
    approve(&tv, &ada).await;
    let mail = sink.next().await;
    assert_eq!(mail.recipients, ["ada@example.org"]);
    assert!(mail.header("bcc").is_empty(), "{mail:?}");
    assert_eq!(mail.header("subject").len(), 1);
    assert!(
        !mail.text.lines().any(|line| line.starts_with("Bcc") || line.starts_with("https://evil")),
        "{mail:?}"
    );

    // An address that is none: nothing is sent to anybody, and it is not tried again.
    let twisted = "ada@example.org\r\nRCPT TO:<eve@example.org>";
    sqlx::query("UPDATE users SET email = $1")
        .bind(twisted)
        .execute(&server.app.db)
        .await
        .expect("it is set");
    approve(&tv, &ada).await;
    while server.count("SELECT count(*) FROM approval_notices WHERE due_at IS NOT NULL").await > 0 {
        send_due(&server.app).await.expect("the database answers");
    }
    assert!(sink.is_empty());
}

#[tokio::test]
async fn a_link_is_good_for_its_tenant_for_seven_days() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let tokens = tv.poll(&approve(&tv, &ada).await).await;
    let mail = sink.next().await;
    let path = mail.link(&server.base);
    let (_, acme) = server.tenant("acme").await;
    let elsewhere = Person::new(&acme, "nobody", "");
    assert_eq!(elsewhere.visit(&path).await.status, 404);
    let form = elsewhere.visit("/device").await.form("/t/acme/device");
    let token = path.split_once("token=").expect("a token").1;
    let page = elsewhere.post("/device/not-me", &[("csrf", &form["csrf"]), ("token", token)]).await;
    assert_eq!(page.status, 404, "{page:?}");
    for token in ["", "lkn_x", &token.replace("lkn_", "lkb_"), &token[..token.len() - 1]] {
        assert_eq!(ada.visit(&format!("/device/not-me?token={token}")).await.status, 404);
    }
    assert_eq!(
        ada.post("/device/not-me", &[("token", token)]).await.status,
        403,
        "a form of another site was taken"
    );

    server.clock.advance(7.0 * 86_400.0 - 1.0);
    assert_eq!(ada.visit(&path).await.status, 200);
    server.clock.advance(1.0);
    assert_eq!(ada.visit(&path).await.status, 404);
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    server.clock.advance(61.0);
    assert_eq!(APPROVAL_NOTICES.clear_batch(&server.app).await.expect("the database answers"), 1);
}

#[tokio::test]
async fn the_database_does_not_hold_what_the_link_carries() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    approve(&tv, &ada).await;
    let path = sink.next().await.link(&server.base);
    let token = path.split_once("token=").expect("a token").1;
    for (table, rows) in server.rows().await {
        assert!(!rows.contains(token), "{table}");
    }
}

#[tokio::test]
async fn the_message_is_in_the_language_that_a_front_end_asks_for() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let front_end = server.front_end(&ada).await;
    // Of the front end's own connection.
    sink.next().await;
    for (accepted, subject) in [
        ("de-AT, en;q=0.5", "The tv app wurde mit Ihrem Konto verbunden"),
        ("fr", "The tv app was connected to your account"),
    ] {
        let started = tv.start("openid").await;
        let body = serde_json::json!({"user_code": started.user_code, "decision": "approve"});
        let request = server.http.post(format!("{}{CONSENT}", server.base)).json(&body);
        let request = request.bearer_auth(&front_end.token).header("accept-language", accepted);
        send(request).await.must_be_decided("approved");
        assert_eq!(sink.next().await.header("subject"), [subject]);
    }
}

/// Somebody else with a verified address.
async fn bob(server: &TestServer) -> Person {
    let bob = server.person("bob", &[]).await;
    server
        .execute("UPDATE users SET email = 'bob@example.org', email_verified = true WHERE username = 'bob'")
        .await;
    bob
}

#[tokio::test]
async fn mail_to_a_mailbox_that_does_not_exist_is_given_up_and_delays_no_other() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let bob = bob(&server).await;
    sink.refuse("ada@example.org", "550 5.1.1 user unknown");
    for _ in 0..5 {
        approve(&tv, &ada).await;
    }
    approve(&tv, &bob).await;
    send_due(&server.app).await.expect("the database answers");
    assert_eq!(sink.next().await.recipients, ["bob@example.org"]);
    let given_up = "SELECT count(*) FROM approval_notices WHERE due_at IS NULL AND token_sealed IS NULL AND sent_at IS NULL";
    until("the others are given up", async || server.count(given_up).await == 5).await;
    assert_eq!(sink.refused(), 5, "each is tried once");
}

#[tokio::test]
async fn mail_to_a_busy_mailbox_waits_and_delays_no_other() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let bob = bob(&server).await;
    sink.refuse("ada@example.org", "450 4.2.0 come back later");
    approve(&tv, &ada).await;
    let postponed = "SELECT count(*) FROM approval_notices WHERE postponed AND due_at > approved_at";
    until("the mailbox was busy", async || server.count(postponed).await == 1).await;
    for _ in 0..3 {
        approve(&tv, &ada).await;
    }
    approve(&tv, &bob).await;
    send_due(&server.app).await.expect("the database answers");
    assert_eq!(sink.next().await.recipients, ["bob@example.org"]);
    assert_eq!(sink.refused(), 1, "messages for the same mailbox wait with the first");
    // The first one is tried again for all.
    server.clock.advance(61.0);
    let later = "SELECT count(*) FROM approval_notices WHERE due_at > approved_at + interval '150 seconds'";
    until("it was tried again", async || server.count(later).await == 4).await;
    assert_eq!(sink.refused(), 2);
    sink.take_all();
    server.clock.advance(121.0);
    for _ in 0..4 {
        assert_eq!(sink.next().await.recipients, ["ada@example.org"]);
    }
}

#[tokio::test]
async fn a_failing_mail_server_pauses_the_queue_and_loses_nothing() {
    let mut sink = MailSink::start().await;
    let (server, tv, ada) = scene(&sink).await;
    let bob = bob(&server).await;
    for recipient in ["ada@example.org", "bob@example.org"] {
        sink.refuse(recipient, "421 4.3.2 shutting down");
    }
    for person in [&ada, &bob, &ada] {
        approve(&tv, person).await;
    }
    let rests = "SELECT count(*) FROM approval_notices
                 WHERE due_at > approved_at AND due_at < approved_at + interval '10 seconds'";
    until("the mail server has failed", async || server.count(rests).await == 1).await;
    for _ in 0..3 {
        assert_eq!(send_due(&server.app).await.expect("the database answers"), 0);
    }
    assert_eq!(sink.refused(), 1, "nothing is tried while the queue rests");
    sink.take_all();
    server.clock.advance(6.0);
    for _ in 0..3 {
        sink.next().await;
    }
    until("all were sent", async || {
        server.count("SELECT count(*) FROM approval_notices WHERE sent_at IS NULL").await == 0
    })
    .await;
}
