//! Forms count only from our own pages, in the browser they were shown to: against forged requests, also
//! forged sign-ins (RFC 9700 §4.7).

use reqwest::RequestBuilder;

use super::sessions_in;
use crate::support::{Page, Person, TestServer};

/// The four things forms do.
const ACTIONS: [&str; 4] = ["/device", "/sign-in", "/sign-out", "/device/consent"];

#[track_caller]
fn must_be_refused(page: &Page) {
    assert_eq!(page.status, 403, "{page:?}");
    assert!(page.is_titled("notice-foreign-form-title"), "{page:?}");
}

/// A form of this browser, filled in rightly, with headers still to be added.
fn right_form(person: &Person, page: &Page, action: &str) -> RequestBuilder {
    let mut fields = page.form(action);
    for (name, value) in
        [("username", person.username.as_str()), ("password", &person.password), ("decision", "approve")]
    {
        fields.insert(name.to_owned(), value.to_owned());
    }
    person.browser().post(format!("{}{action}", person.base)).form(&fields)
}

async fn send(request: RequestBuilder) -> Page {
    Page::read(request.send().await.expect("the server answers")).await
}

#[tokio::test]
async fn a_form_without_its_token_changes_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let consent = ada.open(&tv.start("openid").await.user_code).await.form("/device/consent");
    let fields: [(&str, &str); 6] = [
        ("username", "ada"),
        ("password", &ada.password),
        ("user_code", super::UNKNOWN_CODE),
        ("decision", "approve"),
        ("session_id", &consent["session_id"]),
        ("decision_token", &consent["decision_token"]),
    ];
    let before = server.rows().await;
    for action in ACTIONS {
        for token in [&[][..], &[("csrf", "")], &[("csrf", "x")]] {
            must_be_refused(&ada.post(action, &[&fields, token].concat()).await);
        }
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn a_form_with_the_token_of_another_browser_changes_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let mallory = server.person("mallory", &[]).await;
    mallory.sign_in().await;
    let foreign = mallory.visit("/device").await.form("/device")["csrf"].clone();
    let consent = ada.open(&tv.start("openid").await.user_code).await.form("/device/consent");
    let before = server.rows().await;
    for action in ACTIONS {
        let fields: [(&str, &str); 4] = [
            ("csrf", &foreign),
            ("decision", "approve"),
            ("session_id", &consent["session_id"]),
            ("decision_token", &consent["decision_token"]),
        ];
        must_be_refused(&ada.post(action, &fields).await);
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn nobody_can_be_signed_in_to_anothers_account_by_a_forged_form() {
    let server = TestServer::start().await;
    let (victim, mallory) = (server.ada().await, server.person("mallory", &[]).await);
    let bait = mallory.visit("/sign-in").await.form("/sign-in")["csrf"].clone();
    victim.visit("/device").await;
    for token in [&bait, ""] {
        let fields = [("csrf", token), ("username", "mallory"), ("password", &mallory.password)];
        must_be_refused(&victim.post("/sign-in", &fields).await);
        must_be_refused(&victim.at_another_browser().post("/sign-in", &fields).await);
    }
    assert!(!victim.visit("/device").await.says("Signed in as"));
    assert_eq!(server.count("SELECT count(*) FROM browser_sessions").await, 0);
}

#[tokio::test]
async fn a_browser_that_says_the_form_was_elsewhere_is_believed() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let consent = ada.open(&tv.start("openid").await.user_code).await;
    let before = server.rows().await;
    let elsewhere = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
        ("origin", "https://evil.example"),
        ("origin", "http://127.0.0.1:1"),
        ("origin", "http://127.0.0.1"),
    ];
    for (header, value) in elsewhere {
        for action in ["/device/consent", "/sign-out"] {
            must_be_refused(&send(right_form(&ada, &consent, action).header(header, value)).await);
        }
    }
    assert_eq!(server.rows().await, before);
    let from_our_page = right_form(&ada, &consent, "/device/consent")
        .header("sec-fetch-site", "same-origin")
        .header("origin", &server.base);
    assert!(send(from_our_page).await.says("Your device is connected"));
}

#[tokio::test]
async fn a_form_that_was_shown_before_signing_in_is_out_of_date_afterwards() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let before = ada.visit("/device").await;
    ada.sign_in().await;
    must_be_refused(&ada.submit(&before, "/device", &[("user_code", super::UNKNOWN_CODE)]).await);
    assert_eq!(server.count("SELECT count(*) FROM attempt_budgets WHERE guard LIKE 'code/%'").await, 0);
}

#[tokio::test]
async fn a_link_can_neither_sign_out_nor_decide() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let form = ada.open(&tv.start("openid").await.user_code).await.form("/device/consent");
    let query: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = format!("{}&decision=approve", query.join("&"));
    let page = ada.visit(&format!("/sign-out?{query}")).await;
    assert_eq!((page.status.as_u16(), page.header("allow")), (405, "POST"), "{page:?}");
    assert!(ada.visit("/device").await.says("Signed in as"));
    assert_eq!(ada.visit(&format!("/device/consent?{query}")).await.status, 200);
    must_be_refused(&ada.post(&format!("/device/consent?{query}"), &[("decision", "approve")]).await);
    assert_eq!(sessions_in(&server, "pending").await, 1);
}

#[tokio::test]
async fn nothing_in_an_address_decides_where_a_person_goes_next() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    for name in ["next", "return_to", "redirect_uri", "continue", "url"] {
        let query = format!("{name}=https://evil.example");
        let form = ada.at_another_browser();
        let page = form.visit(&format!("/sign-in?{query}")).await;
        assert!(!page.says("evil.example"), "{page:?}");
        let fields = [("username", "ada"), ("password", &ada.password), (name, "//evil.example")];
        assert_eq!(form.submit(&page, "/sign-in", &fields).await.location, "/device", "{name}");
    }
}

#[tokio::test]
async fn pages_of_other_sites_can_read_nothing() {
    let server = TestServer::start().await;
    for path in ["/device", "/sign-in", "/device/consent"] {
        let answer =
            server.http.get(format!("{}{path}", server.base)).header("origin", "https://evil.example");
        let answer = answer.send().await.expect("the server answers");
        assert!(!answer.headers().contains_key("access-control-allow-origin"), "{path}: {answer:?}");
        assert!(!answer.headers().contains_key("access-control-allow-credentials"), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_form_that_cannot_be_read_is_answered_with_a_page() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let form = ada.visit("/device").await;
    let csrf = form.form("/device")["csrf"].clone();
    let twice = [("csrf", csrf.as_str()), ("user_code", "A"), ("user_code", "B")];
    let nul = [("csrf", csrf.as_str()), ("user_code", "BDJW\0DSXQ")];
    for fields in [&twice[..], &nul] {
        let page = ada.post("/device", fields).await;
        assert_eq!(page.status, 400);
        assert!(page.is_titled("notice-unreadable-title"), "{page:?}");
    }
    let page = ada.submit(&form, "/device", &[("user_code", &"B".repeat(1 << 20))]).await;
    assert_eq!(page.status, 413);
    assert!(page.is_titled("notice-too-large-title"), "{page:?}");
}
