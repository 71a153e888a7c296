//! An administrator's walk through the console in a real browser.

use fantoccini::Locator;
use fantoccini::key::Key;

use super::super::browser::look_at;
use super::super::chromium::Chromium;
use crate::support::device::Proof;
use crate::support::{Device, TestServer};

async fn fill(phone: &Chromium, selector: &str, text: &str) {
    let field = phone.client.find(Locator::Css(selector)).await.expect("the field");
    field.clear().await.expect("it is emptied");
    field.send_keys(text).await.expect("it is filled in");
}

async fn press(phone: &Chromium, selector: &str) {
    // What was waited for before may stand above it, in a page that is still being read.
    phone.sees(selector).await;
    phone
        .client
        .find(Locator::Css(selector))
        .await
        .expect("it is there")
        .click()
        .await
        .expect("it is pressed");
}

#[tokio::test]
async fn an_administrator_denies_a_session_makes_a_client_locks_its_device_and_rotates_a_key() {
    let server = TestServer::start().await;
    let Some(phone) = Chromium::start("console").await else { return };
    let (tv, root) = (server.tv().await, server.person("root", &["admin"]).await);
    server.public_client("radio", "openid").await.start("openid").await;
    let started = tv.start("openid").await;

    phone.visit(&format!("{}/admin", server.base)).await;
    phone.sees("#password").await;
    fill(&phone, "#username", &root.username).await;
    fill(&phone, "#password", &root.password).await;
    phone.press(Key::Enter).await;
    phone.sees(".plots").await;
    assert_eq!(phone.address().await, "/console");
    look_at(&phone, "0-overview").await;
    press(&phone, "#pending").await;
    phone.sees("#client").await;
    assert_eq!(phone.address().await, "/console/sessions?status=pending");
    phone.visit(&format!("{}/console/sessions", server.base)).await;
    phone.sees("#client").await;
    look_at(&phone, "1-sessions").await;
    fill(&phone, "#client", "tv").await;
    phone.press(Key::Enter).await;
    phone.sees("#client[value=tv]").await;
    assert_eq!(phone.address().await, "/console/sessions?status=&client=tv&user=");
    phone.tab_to("form[action='/console/session/deny'] button").await;
    phone.press(Key::Enter).await;
    phone.sees(".status.denied").await;
    look_at(&phone, "2-denied").await;
    tv.poll(&started).await.must_be_error("access_denied");

    phone.visit(&format!("{}/console/clients/new", server.base)).await;
    phone.sees("#save").await;
    look_at(&phone, "3-new-client").await;
    fill(&phone, "#id", "lamp").await;
    fill(&phone, "#client_name", "Lamp").await;
    press(&phone, "#save").await;
    phone.sees("#try-it").await;
    look_at(&phone, "4-client").await;
    press(&phone, "#try-it").await;
    phone.sees(".picture img").await;
    look_at(&phone, "5-tried").await;
    let code = phone.client.find(Locator::Css(".user-code")).await.expect("the code");
    let code = code.text().await.expect("its text");
    let ada = server.ada().await;
    ada.approve(&code).await;
    // Nobody reloads the page. Whoever asks for less motion, as this browser does, is asked first.
    assert!(!phone.has(".status.approved").await);
    press(&phone, "[data-live-toggle]").await;
    phone.sees(".status.approved").await;

    let lamp = Device::new(server.http.clone(), &server.base, "lamp", Proof::None);
    let tokens = lamp.connect(&ada, "openid offline_access").await;
    phone.visit(&format!("{}/console/devices?client=lamp", server.base)).await;
    phone.sees("form[action='/console/devices/lock']").await;
    look_at(&phone, "6-devices").await;
    press(&phone, "form[action='/console/devices/lock'] button").await;
    phone.sees(".status.locked").await;
    assert_eq!(lamp.refresh(&tokens.string("refresh_token")).await.status, 503);

    phone.visit(&format!("{}/console/clients", server.base)).await;
    phone.sees("table").await;
    look_at(&phone, "7-clients").await;
    // Everybody's name is Ada Lovelace here; this address is one person's.
    phone.visit(&format!("{}/console/users?q=ada@", server.base)).await;
    phone.sees("table").await;
    look_at(&phone, "9-users").await;
    press(&phone, "tbody a").await;
    phone.sees("#password-link").await;
    press(&phone, "#password-link").await;
    phone.sees(".secret").await;
    look_at(&phone, "10-user").await;
    press(&phone, "a#delete").await;
    phone.sees("button#delete").await;
    look_at(&phone, "11-deletion").await;
    press(&phone, "button#delete").await;
    phone.sees("table").await;
    assert_eq!(phone.address().await, "/console/users?done=deleted");
    look_at(&phone, "12-deleted").await;
    phone.visit(&format!("{}/console/keys", server.base)).await;
    phone.sees("#rotate-key").await;
    press(&phone, "#rotate-key").await;
    phone.sees(".status.announced").await;
    look_at(&phone, "8-keys").await;
    let complaints = phone.complaints().await;
    assert!(complaints.is_empty(), "{complaints:?}");
    phone.close().await;
}
