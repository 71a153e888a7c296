//! A code that a link brought, and what people and strangers can do so that it passes for a typed one.

use serde_json::{Value, json};

use super::*;
use crate::support::front_end::{CONSENT, reading};
use crate::support::plain;

/// Presses "Continue" on a page that was opened before, signing in if the page then asks for it.
async fn go_on(person: &Person, form: &Page) -> Page {
    let page = person.submit(form, "/device", &[]).await;
    if page.location.ends_with("/sign-in") { sign_in_on(person, &page).await } else { page }
}

/// Insists that the page asks for the code and shows it nowhere.
#[track_caller]
fn must_ask_for_the_code(page: &Page, code: &str) {
    assert!(page.shows("risk-retype"), "{page:?}");
    must_not_show(page, code);
}

#[track_caller]
fn must_not_show(page: &Page, code: &str) {
    let page_text = page.html.to_uppercase();
    for shape in [code.to_owned(), code.replace('-', ""), code.replace('-', " ")] {
        assert!(!page_text.contains(&shape), "{shape} is in {page:?}");
    }
}

/// A device in a data centre, and somebody in Berlin who is not signed in.
async fn scene() -> (TestServer, Folder, Device, Person) {
    let (server, folder) = server().await;
    let (tv, ada) = (server.tv().await, server.ada().await.forwarded_for(BERLIN));
    (server, folder, tv, ada)
}

async fn linked_by(server: &TestServer) -> i64 {
    server.count("SELECT coalesce(sum(cardinality(linked_by)), 0)::bigint FROM device_authorizations").await
}

#[tokio::test]
async fn a_linked_code_stays_linked_whatever_other_tabs_open() {
    let (server, _folder, tv, ada) = scene().await;
    for is_signed_in in [false, true] {
        if is_signed_in {
            ada.sign_in().await;
        }
        let started = start_from(&tv, HOSTED).await;
        let first_tab = ada.visit(&started.verification_uri_complete).await;
        // Many more than the browser's cookie can hold.
        for number in 0..60_usize {
            let letters: String =
                (0..8).map(|place| char::from(b"BCDFGHJK"[(number >> place) & 1])).collect();
            ada.visit(&format!("/device?user_code={letters}")).await;
        }
        must_ask_for_the_code(&go_on(&ada, &first_tab).await, &started.user_code);
        server.clock.advance(1000.0);
        ada.sign_out().await;
    }
}

#[tokio::test]
async fn a_form_filled_by_a_link_says_so_without_the_browsers_memory() {
    let (_server, _folder, tv, ada) = scene().await;
    let started = start_from(&tv, HOSTED).await;
    ada.sign_in().await;
    let form = ada.visit(&started.verification_uri_complete).await.form("/device");
    let fields: Vec<_> = form.iter().filter(|(name, _)| *name != "user_code").collect();
    assert!(fields.iter().all(|(_, value)| !value.contains(&started.user_code)), "{fields:?}");
    let session = ada.cookies().split("; ").find(|cookie| cookie.starts_with("latchkey=")).map(str::to_owned);
    let plain = plain::client();
    let request = plain.post(format!("{}/device", ada.base)).form(&form).header("x-forwarded-for", BERLIN);
    let sent = request.header("cookie", session.expect("a session")).send().await.expect("an answer");
    assert_eq!(sent.status(), 200);
    let consent = ada.visit("/device/consent").await;
    must_ask_for_the_code(&consent, &started.user_code);
}

#[tokio::test]
async fn typing_a_linked_code_does_not_make_it_typed_in_any_tab_or_account() {
    let (server, _folder, tv, ada) = scene().await;
    let bob = server.person("bob", &[]).await;
    let started = start_from(&tv, HOSTED).await;
    ada.visit(&started.verification_uri_complete).await;
    // In a new tab of the same browser, whose form no link has filled in.
    ada.visit("/device?user_code=BBBB-BBBB").await;
    let consent = ada.open(&started.user_code).await;
    must_ask_for_the_code(&consent, &started.user_code);
    // The next account at the same browser.
    let signed_out = ada.submit(&consent, "/sign-out", &[]).await;
    must_not_show(&signed_out, &started.user_code);
    let as_bob = [("username", bob.username.as_str()), ("password", bob.password.as_str())];
    must_ask_for_the_code(&ada.submit(&signed_out, "/sign-in", &as_bob).await, &started.user_code);
    ada.sign_out().await;
    // The first account at another browser.
    let elsewhere = ada.forwarded_for(BERLIN);
    must_ask_for_the_code(&elsewhere.open(&started.user_code).await, &started.user_code);
}

#[tokio::test]
async fn a_link_followed_by_others_does_not_make_a_typed_code_linked() {
    let (server, _folder, tv, ada) = scene().await;
    let stranger = server.person("stranger", &[]).await.forwarded_for(BERLIN_NEIGHBOUR);
    let started = start_from(&tv, HOSTED).await;
    // A program that looks through mail.
    stranger.visit(&started.verification_uri_complete).await;
    assert_eq!(linked_by(&server).await, 0);
    must_ask_for_the_code(&open_by_link(&stranger, &started).await, &started.user_code);
    assert_eq!(linked_by(&server).await, 1);
    stranger.sign_out().await;
    let consent = ada.open(&started.user_code).await;
    assert!(!consent.shows("risk-retype") && consent.says(&started.user_code), "{consent:?}");
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));
}

#[tokio::test]
async fn a_page_that_asks_for_the_code_never_shows_it() {
    let (server, _folder, tv, ada) = scene().await;
    ada.sign_in().await;
    server.clock.advance(60.0);
    // Another country, so that a new sign-in comes before the code.
    let started = start_from(&tv, PARIS).await;
    let consent = open_by_link(&ada, &started).await;
    assert!(consent.shows("risk-sign-in-to-approve"), "{consent:?}");
    must_not_show(&consent, &started.user_code);
    let sign_in = ada.decide(&consent, "approve").await;
    assert!(sign_in.shows("sign-in-connecting-linked"), "{sign_in:?}");
    must_not_show(&sign_in, &started.user_code);
    let wrong = ada.submit(&sign_in, "/sign-in", &[("username", "ada"), ("password", "wrong")]).await;
    must_not_show(&wrong, &started.user_code);
    let consent = sign_in_on(&ada, &wrong).await;
    must_ask_for_the_code(&consent, &started.user_code);
    must_ask_for_the_code(&ada.decide(&consent, "approve").await, &started.user_code);
    must_ask_for_the_code(&approve_typing(&ada, &consent, "CCCC-CCCC").await, &started.user_code);
    let done = approve_typing(&ada, &consent, &started.user_code).await;
    assert!(done.says("Your device is connected"), "{done:?}");
    must_not_show(&done, &started.user_code);
}

async fn decide(ada: &Person, code: &str, more: Value) -> Answer {
    let csrf = send(ada.fetch(format!("{}/devices", ada.base))).await.header("x-csrf-token").to_owned();
    let mut body = json!({"user_code": code, "decision": "approve"});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let request = ada.browser().post(format!("{}{CONSENT}", ada.base)).header("x-csrf-token", csrf);
    send(request.json(&body)).await
}

#[tokio::test]
async fn a_front_end_has_a_linked_code_typed_as_the_page_does() {
    let (_server, _folder, tv, ada) = scene().await;
    ada.sign_in().await;
    let started = start_from(&tv, HOSTED).await;
    let code = started.user_code.as_str();
    // What it does not say of the code is taken as if a link had brought it.
    for query in ["", "&arrival=link"] {
        let read = send(ada.fetch(format!("{}{query}", reading(&ada.base, code)))).await;
        assert_eq!(read.json["risk"]["steps"], json!(["retype"]), "{read:?}");
        assert!(!read.text.contains(code) && read.json.get("user_code").is_none(), "{read:?}");
    }
    let read = send(ada.fetch(format!("{}&arrival=typed", reading(&ada.base, code)))).await;
    assert_eq!((&read.json["risk"]["steps"], &read.json["user_code"]), (&json!([]), &json!(code)));
    decide(&ada, code, json!({})).await.must_be_refused(400, "invalid_request");
    // From now on it is a linked one for this account, whatever is said.
    decide(&ada, code, json!({"arrival": "typed"})).await.must_be_refused(400, "invalid_request");
    let wrong = json!({"retyped_user_code": "CCCC-CCCC"});
    decide(&ada, code, wrong).await.must_be_refused(400, "invalid_request");
    let right = json!({"retyped_user_code": code.to_lowercase()});
    decide(&ada, code, right).await.must_be_decided("approved");
}

#[tokio::test]
async fn a_front_end_cannot_call_typed_what_a_link_brought_to_the_browser() {
    let (server, _folder, tv, ada) = scene().await;
    ada.sign_in().await;
    let (linked, typed) = (start_from(&tv, HOSTED).await, start_from(&tv, HOSTED).await);
    ada.visit(&linked.verification_uri_complete).await;
    ada.visit("/device?user_code=BBBB-BBBB").await;
    let said = || json!({"arrival": "typed"});
    decide(&ada, &linked.user_code, said()).await.must_be_refused(400, "invalid_request");
    decide(&ada, &typed.user_code, said()).await.must_be_decided("approved");
    assert_eq!(linked_by(&server).await, 1);
}
