//! `/device`: typing a code, and following the link with a code in it (RFC 8628 §3.3).

use super::{NO_SUCH_CODE, UNKNOWN_CODE, sessions_in};
use crate::support::TestServer;

/// The letters as East Asian keyboards type them.
fn full_width(code: &str) -> String {
    let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).expect("a full-width character");
    code.chars().map(|c| if c.is_ascii_graphic() { wide(c) } else { c }).collect()
}

#[tokio::test]
async fn a_code_may_be_typed_in_any_case_width_and_spacing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let spellings: [fn(&str) -> String; 10] = [
        str::to_lowercase,
        |code| code.replace('-', ""),
        |code| code.replace('-', " "),
        |code| format!("  {code}\t"),
        |code| code.replace('-', "\u{2014}"),
        |code| code.replace('-', "\u{2011}"),
        |code| code.replace('-', "\u{2212}"),
        full_width,
        |code| full_width(&code.to_lowercase()),
        |code| code.replace('-', "\u{200b}\u{feff}-\u{200d}"),
    ];
    for spell in spellings {
        let code = tv.start("openid").await.user_code;
        let page = ada.enter(&spell(&code)).await;
        assert_eq!(page.location, "/device/consent", "{:?}: {page:?}", spell(&code));
        assert!(page.says(&code), "{page:?}");
    }
}

#[tokio::test]
async fn a_foreign_letter_is_refused_and_not_silently_left_out() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let code = tv.start("openid").await.user_code;
    ada.sign_in().await;
    for addition in ["O", "0", "é", "Б"] {
        let page = ada.enter(&format!("{code}{addition}")).await;
        assert_eq!(page.status, 400, "{addition}: {page:?}");
        assert!(page.shows(NO_SUCH_CODE), "{page:?}");
    }
    assert_eq!(server.count("SELECT sum(opened_count) FROM device_authorizations").await, 0);
    assert_eq!(ada.enter(&code).await.location, "/device/consent");
}

#[tokio::test]
async fn a_code_typed_before_signing_in_is_never_typed_twice() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let code = tv.start("openid").await.user_code;
    let page = ada.enter(&code.to_lowercase()).await;
    assert_eq!(page.location, "/sign-in");
    assert!(page.says(&code), "the page does not say for what to sign in: {page:?}");
    let page = ada.submit(&page, "/sign-in", &[("username", "ada"), ("password", "not it at all")]).await;
    assert!(page.says(&code), "a wrong password lost the code: {page:?}");
    let credentials = [("username", "ada"), ("password", ada.password.as_str())];
    let page = ada.submit(&page, "/sign-in", &credentials).await;
    assert_eq!(page.location, "/device/consent");
    assert!(page.says(&code), "{page:?}");
}

#[tokio::test]
async fn before_signing_in_nobody_learns_whether_a_code_is_live() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let code = tv.start("openid").await.user_code;
    let before = server.rows().await;
    let right = ada.at_another_browser().enter(&code).await;
    let wrong = ada.at_another_browser().enter(UNKNOWN_CODE).await;
    assert_eq!((right.status, &right.location), (wrong.status, &wrong.location));
    assert_eq!(super::impersonal(&right, &[&code]), super::impersonal(&wrong, &[UNKNOWN_CODE]));
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn a_code_from_a_link_is_confirmed_by_the_person_before_anything_is_opened() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.sign_in().await;
    let page = ada.visit(&started.verification_uri_complete).await;
    assert_eq!(page.location, "/device");
    assert!(page.is_titled("device-linked-title"), "{page:?}");
    assert_eq!(page.form("/device")["user_code"], started.user_code);
    assert_eq!(server.count("SELECT sum(opened_count) FROM device_authorizations").await, 0);
    let page = ada.submit(&page, "/device", &[]).await;
    assert_eq!(page.location, "/device/consent");
    assert_eq!(sessions_in(&server, "pending").await, 1);
}

#[tokio::test]
async fn a_code_from_a_link_is_still_there_after_signing_in() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.visit(&started.verification_uri_complete).await;
    let page = ada.sign_in().await;
    assert_eq!(page.location, "/device", "an unconfirmed code must not be opened: {page:?}");
    assert_eq!(page.form("/device")["user_code"], started.user_code);
}

#[tokio::test]
async fn following_the_link_changes_nothing_however_many_programs_do() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.sign_in().await;
    let before = server.rows().await;
    for _ in 0..20 {
        let scanner = ada.at_another_browser();
        for browser in [scanner.browser(), ada.browser()] {
            let link = &started.verification_uri_complete;
            let head = browser.head(link).send().await.expect("the server answers");
            assert_eq!(head.status(), 200);
            let prefetch = browser.get(link).header("sec-purpose", "prefetch").send().await;
            assert_eq!(prefetch.expect("the server answers").status(), 200);
        }
    }
    assert_eq!(server.rows().await, before);
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn the_linked_code_leaves_the_address_at_once() {
    let server = TestServer::start().await;
    let started = server.tv().await.start("openid").await;
    let hop = server.http.get(&started.verification_uri_complete).send().await.expect("the server answers");
    assert_eq!(hop.status(), 303);
    assert_eq!(hop.headers()["location"], "/device");
    assert_eq!(hop.headers()["referrer-policy"], "no-referrer");
    assert_eq!(hop.headers()["cache-control"], "no-store");
    let letters = started.user_code.replace('-', "");
    for (name, value) in hop.headers() {
        let value = value.to_str().expect("text");
        assert!(!value.contains(&started.user_code) && !value.contains(&letters), "{name}: {value}");
    }
}

#[tokio::test]
async fn with_links_switched_off_a_code_in_the_address_is_ignored() {
    let server = TestServer::with(|config| config.device_flow.verification_uri_complete = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let answer = tv.ask(&[("scope", "openid")]).await;
    assert!(answer.json.get("verification_uri_complete").is_none(), "{answer:?}");
    let code = answer.string("user_code");
    let page = ada.visit(&format!("/device?user_code={code}")).await;
    assert_eq!(page.location, "/device");
    assert!(!page.says(&code), "{page:?}");
    assert_eq!(page.form("/device")["user_code"], "");
    assert_eq!(ada.sign_in().await.form("/device")["user_code"], "");
}

#[tokio::test]
async fn a_code_that_does_not_work_stays_in_the_field_beside_the_reason() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let page = ada.enter(UNKNOWN_CODE).await;
    assert_eq!(page.form("/device")["user_code"], UNKNOWN_CODE);
    assert!(page.says(r#"id="user-code-error" role="alert""#), "{page:?}");
    assert!(page.says(r#"aria-describedby="user-code-error user-code-hint""#), "{page:?}");
    assert!(page.says("<title>Error: "), "{page:?}");
}

#[tokio::test]
async fn a_broken_or_endless_link_leads_to_a_page_and_not_to_a_fault() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    for query in ["user_code=%zz", "user_code=%ff", "user_code=%00", "user_code=A&user_code=B"] {
        let page = ada.visit(&format!("/device?{query}")).await;
        assert_eq!(page.status, 400, "{query}");
        assert!(page.is_titled("notice-unreadable-title"), "{query}: {page:?}");
    }
    for query in ["", "user_code", "user_code=", "other=1"] {
        let page = ada.visit(&format!("/device?{query}")).await;
        assert_eq!((page.status.as_u16(), page.location.as_str()), (200, "/device"), "{query}");
        assert_eq!(page.form("/device")["user_code"], "", "{query}");
    }
    let page = ada.visit(&format!("/device?user_code={}", "B".repeat(4000))).await;
    assert_eq!(page.form("/device")["user_code"], "B".repeat(64));
}

#[tokio::test]
async fn a_code_is_carried_for_fifteen_minutes_and_then_forgotten() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.enter(UNKNOWN_CODE).await;
    server.clock.advance(900.0);
    assert!(ada.visit("/sign-in").await.says(UNKNOWN_CODE));
    server.clock.advance(1.0);
    assert!(!ada.visit("/sign-in").await.says(UNKNOWN_CODE));
    assert_eq!(ada.sign_in().await.form("/device")["user_code"], "");
}

#[tokio::test]
async fn a_tenants_codes_are_entered_at_its_own_address() {
    let server = TestServer::start().await;
    let (acme, base) = server.tenant("acme").await;
    let tv = server.client_of(acme, &base, "tv", "openid", |_| ()).await;
    let eve = server.person_of(acme, &base, "eve", &[]).await;
    let started = tv.start("openid").await;
    assert_eq!(started.verification_uri, format!("{base}/device"));
    let page = eve.visit(&started.verification_uri_complete).await;
    assert_eq!(page.location, "/t/acme/device");
    eve.approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
}
