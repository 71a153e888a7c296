//! Setting up an authenticator app and signing in with it, in a real browser of a phone's size.

use fantoccini::Locator;
use fantoccini::key::Key;

use super::browser::look_at;
use super::chromium::Chromium;
use crate::support::{Authenticator, TestServer};

#[tokio::test]
async fn a_person_sets_up_an_app_and_signs_in_with_it_by_keyboard() {
    let server = TestServer::start().await;
    let Some(phone) = Chromium::start("second-factor").await else { return };
    let ada = server.ada().await;
    phone.visit(&format!("{}/account/security", server.base)).await;
    phone.sees("#password").await;
    for (field, text) in [("#username", "ada"), ("#password", ada.password.as_str())] {
        phone.tab_to(field).await;
        phone.type_text(text).await;
    }
    phone.press(Key::Enter).await;

    phone.sees("a[href='/account/security/authenticator']").await;
    look_at(&phone, "1-security").await;
    phone.tab_to("a[href='/account/security/authenticator']").await;
    phone.press(Key::Enter).await;
    phone.sees("form[action='/account/security/authenticator']").await;
    look_at(&phone, "2-offer").await;
    phone.tab_to("main button[type=submit]").await;
    phone.press(Key::Enter).await;

    phone.sees(".qr svg").await;
    look_at(&phone, "3-key").await;
    let key = phone.client.find(Locator::Css(".key")).await.expect("the key");
    let app = Authenticator::with_key(&key.text().await.expect("its text"), &server.clock);
    phone.tab_to("#code").await;
    phone.type_text(&app.code()).await;
    phone.press(Key::Enter).await;
    phone.sees(".recovery-codes").await;
    look_at(&phone, "4-recovery-codes").await;
    phone.visit(&format!("{}/account/security/password", server.base)).await;
    phone.sees("#new-password").await;
    look_at(&phone, "5-password").await;

    phone.tab_to("form[action='/sign-out'] button").await;
    phone.press(Key::Enter).await;
    phone.sees("#username").await;
    for (field, text) in [("#username", "ada"), ("#password", ada.password.as_str())] {
        phone.tab_to(field).await;
        phone.type_text(text).await;
    }
    phone.press(Key::Enter).await;
    phone.sees("form[action='/sign-in/code']").await;
    look_at(&phone, "6-code").await;
    // The field has the focus already.
    phone.type_text(&app.wrong_code()).await;
    phone.press(Key::Enter).await;
    phone.sees("#code-error").await;
    look_at(&phone, "7-wrong-code").await;
    phone.type_text(&app.next_code()).await;
    phone.press(Key::Enter).await;
    phone.sees("form[action='/device']").await;
    let complaints = phone.complaints().await;
    assert!(complaints.iter().all(|complaint| complaint.contains("400")), "{complaints:?}");
    phone.close().await;
}
