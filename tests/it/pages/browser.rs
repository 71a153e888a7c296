//! Approving a device in a real browser, by keyboard, on a screen of a phone's size.

use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::json;

use super::chromium::Chromium;
use crate::support::device::Started;
use crate::support::{Person, TestServer, words};

/// What a page must be like to be usable on a small screen (WCAG 2.2, 1.4.10 and 2.5.8): nothing sticks out at the
/// side, and what can be pressed can be hit.
const MISFITS: &str = "
    const wide = document.documentElement.scrollWidth > window.innerWidth ? ['sticks out'] : [];
    const small = [...document.querySelectorAll('a, button, input:not([type=hidden])')]
        .filter(e => { const box = e.getBoundingClientRect(); return box.width < 24 || box.height < 24; });
    return wide.concat(small.map(e => e.outerHTML));";

/// Looks at the page in both colour schemes, and insists that it fits, also on the smallest of screens.
pub(super) async fn look_at(phone: &Chromium, name: &str) {
    phone.picture(name).await;
    for width in [320, 390] {
        phone.resize(width).await;
        assert_eq!(phone.run(MISFITS, json!(null)).await, json!([]), "{name} at {width}");
    }
}

/// From the link on the device to the question, by keyboard.
async fn come_to_the_question(phone: &Chromium, started: &Started, person: &Person) {
    phone.visit(&started.verification_uri_complete).await;
    phone.sees("#user-code").await;
    assert_eq!(phone.address().await, "/device");
    phone.tab_to("main button[type=submit]").await;
    look_at(phone, "1-device").await;
    phone.press(Key::Enter).await;

    phone.sees("#password").await;
    assert_eq!(phone.address().await, "/sign-in");
    phone.tab_to("#username").await;
    phone.type_text(&person.username).await;
    phone.tab_to("#password").await;
    phone.type_text(&person.password).await;
    look_at(phone, "2-sign-in").await;
    phone.press(Key::Enter).await;

    phone.sees("form.decision").await;
    assert_eq!(phone.address().await, "/device/consent");
    let code = phone.client.find(Locator::Css(".user-code")).await.expect("the code");
    assert_eq!(code.text().await.expect("its text"), started.user_code);
}

#[tokio::test]
async fn a_person_connects_a_device_with_a_phone_and_its_keyboard_alone() {
    let server = TestServer::start().await;
    let Some(phone) = Chromium::start("approve").await else { return };
    let (tv, ada) = (server.tv().await, server.ada().await);
    let details =
        [("scope", "openid profile offline_access"), ("device_name", "Living room TV"), ("os", "TV OS 12")];
    let answer = tv.ask(&details).await;
    let started = Started {
        device_code: answer.string("device_code"),
        user_code: answer.string("user_code"),
        verification_uri: answer.string("verification_uri"),
        verification_uri_complete: answer.string("verification_uri_complete"),
    };
    come_to_the_question(&phone, &started, &ada).await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    let stops = phone.tab_to("button[value=approve]").await;
    assert_eq!(stops.last().map(String::as_str), Some("Decline"), "{stops:?}");
    let outline = "return getComputedStyle(document.activeElement).outlineStyle";
    assert_ne!(phone.run(outline, json!(null)).await, "none", "the focus is invisible");
    look_at(&phone, "3-consent").await;
    phone.press(Key::Enter).await;

    phone.sees(".tone.success").await;
    look_at(&phone, "4-connected").await;
    tv.poll(&started).await.must_be_tokens();

    phone.client.back().await.expect("the browser goes back");
    phone.sees("#user-code").await;
    assert!(!phone.has("form.decision").await, "the question came back with the back button");
    assert_eq!(phone.complaints().await, Vec::<String>::new());
    phone.close().await;
}

#[tokio::test]
async fn enter_presses_decline_unless_somebody_has_gone_to_approve() {
    let server = TestServer::start().await;
    let Some(phone) = Chromium::start("decline").await else { return };
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    come_to_the_question(&phone, &started, &ada).await;
    // Blindly, with the focus nowhere.
    phone.press(Key::Enter).await;
    assert!(phone.has("form.decision").await);
    tv.poll(&started).await.must_be_error("authorization_pending");
    // In the form itself: only a text field sends it by Enter, so it is lent one.
    let field = "const e = document.createElement('input'); document.querySelector(arguments[0]).append(e); e.focus();";
    phone.run(field, json!("form.decision")).await;
    phone.press(Key::Enter).await;

    phone.sees(".tone.neutral").await;
    look_at(&phone, "3-declined").await;
    assert_eq!(
        phone.client.find(Locator::Css("h1")).await.expect("a heading").text().await.expect("its text"),
        "Declined"
    );
    tv.poll(&started).await.must_be_error("access_denied");
    phone.close().await;
}

#[tokio::test]
async fn a_page_elsewhere_can_neither_frame_the_question_nor_answer_it() {
    let server = TestServer::start().await;
    let Some(phone) = Chromium::start("elsewhere").await else { return };
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    come_to_the_question(&phone, &started, &ada).await;
    let form =
        phone.run("return document.querySelector(arguments[0]).outerHTML", json!("form.decision")).await;
    // The worst case: the page elsewhere has somehow learnt every secret of the form.
    let form = form.as_str().expect("markup").replace("action=\"", &format!("action=\"{}", server.base));
    let elsewhere = format!("<iframe src=\"{}/device/consent\"></iframe>{form}", server.base);
    let encoded: String = url::form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
    phone.visit(&format!("data:text/html,{}", encoded.replace('+', "%20"))).await;
    phone.client.enter_frame(0).await.expect("a frame");
    assert!(!phone.has("form.decision").await, "the question was framed");
    phone.client.enter_parent_frame().await.expect("the page");
    phone.tab_to("button[value=approve]").await;
    phone.press(Key::Enter).await;

    phone.sees(".tone.problem").await;
    assert!(
        phone.client.source().await.expect("a page").contains(&words::t("notice-foreign-form-title").plain())
    );
    tv.poll(&started).await.must_be_error("authorization_pending");
    phone.close().await;
}

#[tokio::test]
async fn what_went_wrong_is_said_where_the_focus_is() {
    let server = TestServer::start().await;
    let Some(phone) = Chromium::start("mistakes").await else { return };
    let ada = server.ada().await;
    phone.visit(&format!("{}/sign-in", server.base)).await;
    phone.tab_to("#username").await;
    phone.type_text(&ada.username).await;
    phone.tab_to("#password").await;
    phone.type_text("not the password").await;
    phone.press(Key::Enter).await;
    phone.sees("#sign-in-error").await;
    look_at(&phone, "1-wrong-password").await;
    // The focus waits in the password's field, and the name is still there.
    phone.type_text(&ada.password).await;
    phone.press(Key::Enter).await;

    phone.sees("#user-code").await;
    phone.tab_to("#user-code").await;
    phone.type_text("bbbb bbbb").await;
    phone.press(Key::Enter).await;
    phone.sees("#user-code-error").await;
    look_at(&phone, "2-wrong-code").await;
    let focused = phone.run("return document.activeElement.id", json!(null)).await;
    assert_eq!(focused, "user-code");
    phone.close().await;
}

#[tokio::test]
async fn every_language_leads_through_the_whole_login_by_tab_enter_and_space_alone() {
    let server = TestServer::start().await;
    let Some(phone) = Chromium::start("languages").await else { return };
    let (tv, ada) = (server.tv().await, server.ada().await);
    for language in ["en", "de", "zh-Hans"] {
        phone.prefer(language).await;
        let started = tv.start("openid profile").await;
        phone.visit(&started.verification_uri).await;
        look_at(&phone, &format!("{language}-1-device")).await;
        phone.tab_to("#user-code").await;
        phone.type_text(&started.user_code).await;
        phone.press(Key::Enter).await;
        phone.sees("#password").await;
        assert_eq!(phone.run("return document.documentElement.lang", json!(null)).await, language);
        for (field, text) in [("#username", &ada.username), ("#password", &ada.password)] {
            phone.tab_to(field).await;
            phone.type_text(text).await;
        }
        look_at(&phone, &format!("{language}-2-sign-in")).await;
        phone.press(Key::Enter).await;
        phone.sees("form.decision").await;
        phone.tab_to("[name='scope:profile']").await;
        phone.type_text(" ").await;
        assert!(!phone.has("[name='scope:profile']:checked").await, "Space does not tick");
        look_at(&phone, &format!("{language}-3-consent")).await;
        phone.tab_to("button[value=approve]").await;
        phone.type_text(" ").await;
        phone.sees(".tone.success").await;
        look_at(&phone, &format!("{language}-4-connected")).await;
        assert_eq!(tv.poll(&started).await.string("scope"), "openid");
        phone.visit(&format!("{}/account/devices", server.base)).await;
        look_at(&phone, &format!("{language}-5-devices")).await;
        phone.tab_to("form[action='/sign-out'] button").await;
        phone.press(Key::Enter).await;
        phone.sees("#username").await;
    }
    phone.close().await;
}
