//! The pages for people, as their browsers see them.

mod accessibility;
mod account_devices;
mod api_reference;
mod browser;
mod browser_headers;
mod choices;
mod chromium;
mod code_guessing;
mod consent;
mod console;
mod console_link;
mod decision;
mod device_entry;
mod escaping;
mod forms;
mod gallery;
mod held_codes;
mod known_browsers;
mod languages;
mod log;
mod password_change;
mod qr;
mod raw_browser;
mod second_factor;
mod second_factor_browser;
mod shared_addresses;
mod sign_in;
mod step_up;
mod structure;
mod themes;
mod ways_in;

use crate::support::{Page, TestServer};

/// The message about a code that cannot be opened, whatever the reason.
const NO_SUCH_CODE: &str = "device-error-no-such-code";
/// The message after too many wrong codes.
const TOO_MANY_CODES: &str = "device-error-too-many";
/// The message about a wrong username or password.
const WRONG_CREDENTIALS: &str = "sign-in-error-wrong";
/// A code of the right form that nobody was ever given: the chance that a test meets it is 20⁻⁸.
const UNKNOWN_CODE: &str = "BBBB-BBBB";

/// How many device sessions stand in this state.
async fn sessions_in(server: &TestServer, state: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM device_authorizations WHERE state = $1")
        .bind(state)
        .fetch_one(&server.app.db)
        .await
        .expect("a count")
}

/// A page without what differs between two browsers: the tokens of its forms, and what was typed.
fn impersonal(page: &Page, typed: &[&str]) -> String {
    let mut parts = page.html.split(r#"name="csrf" value=""#);
    let mut html = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        html.push_str(part.split_once('"').map_or(part, |(_token, rest)| rest));
    }
    for text in typed.iter().filter(|text| !text.is_empty()) {
        html = html.replace(text, "");
    }
    html
}

/// One page of every kind, each with a word for it.
async fn every_kind_of_page(server: &TestServer) -> Vec<(&'static str, Page)> {
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (_, acme) = server.tenant("acme").await;
    let started = tv.start("openid").await;
    let entry = ada.visit("/device").await;
    let linked = ada.visit(&started.verification_uri_complete).await;
    let asked_to_sign_in = ada.submit(&entry, "/device", &[("user_code", &started.user_code)]).await;
    let wrong_password = ada.sign_in_with("not the password").await;
    let credentials = [("username", ada.username.as_str()), ("password", ada.password.as_str())];
    let consent = ada.submit(&asked_to_sign_in, "/sign-in", &credentials).await;
    assert_eq!(consent.location, "/device/consent");
    let out_of_date = ada.submit(&entry, "/device", &[]).await;
    let approved = ada.decide(&consent, "approve").await;
    let handled_already = ada.decide(&consent, "approve").await;
    let no_data = server.public_client("gate", "").await.ask(&[]).await.string("user_code");
    let consent_to_nothing = ada.open(&no_data).await;
    let declined = ada.decide(&consent_to_nothing, "deny").await;
    let wrong_code = ada.enter(UNKNOWN_CODE).await;
    let too_large = ada.enter(&"B".repeat(1 << 20)).await;
    for _ in 0..4 {
        ada.enter(UNKNOWN_CODE).await;
    }
    let bob = server.person("bob", &[]).await;
    bob.sign_in().await;
    let authenticator = bob.visit("/account/security/authenticator").await;
    let key = bob.submit(&authenticator, "/account/security/authenticator", &[]).await;
    let enrolled = bob.set_up_authenticator(&server.clock).await;
    let asked_for_code = bob.at_another_browser().sign_in().await;
    vec![
        ("security", bob.visit("/account/security").await),
        ("authenticator", authenticator),
        ("authenticator's key", key),
        ("recovery codes", enrolled.page),
        ("removal", bob.visit("/account/security/remove-authenticator").await),
        ("password", bob.visit("/account/security/password").await),
        ("devices", ada.visit("/account/devices").await),
        ("sign-in's code", asked_for_code),
        ("entry", entry),
        ("entry from a link", linked),
        ("sign-in", ada.at_another_browser().visit("/sign-in").await),
        ("sign-in with a code", asked_to_sign_in),
        ("wrong password", wrong_password),
        ("consent", consent),
        ("consent to nothing", consent_to_nothing),
        ("approved", approved),
        ("declined", declined),
        ("handled already", handled_already),
        ("form out of date", out_of_date),
        ("wrong code", wrong_code),
        ("too many codes", ada.enter(UNKNOWN_CODE).await),
        ("too large", too_large),
        ("unreadable", ada.visit("/device?user_code=%zz").await),
        ("not found", ada.visit("/no/such/page").await),
        ("not possible", ada.visit("/sign-out").await),
        ("another tenant", ada.visit(&format!("{acme}/device")).await),
        ("no such tenant", ada.visit("/t/nobody/device").await),
        ("impossible tenant", ada.visit("/t/No_Body/device").await),
    ]
}
