//! Texts of strangers stay texts: what devices, apps, people and links say cannot become markup or headers.

use latchkey::domain::clients::{self, ClientError};
use latchkey::model::client::Client;
use latchkey::model::ids::ClientId;
use latchkey::model::scope::Scope;
use latchkey::model::tenant::DEFAULT_TENANT;

use super::raw_browser::RawBrowser;
use crate::support::device::send;
use crate::support::{Page, Person, TestServer};

/// Tries to break out of text, of attributes in both kinds of quotes, and of a template.
const HOSTILE: &str = r#"<script>alert(1)</script>"><img src=x onerror='alert(2)'>{{7*7}}&lt;b&gt;"#;
/// The same as a page must spell it.
const HARMLESS: &str = "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#62;&#60;img src=x onerror=&#39;alert(2)&#39;&#62;{{7*7}}&#38;lt;b&#38;gt;";

#[track_caller]
fn must_be_harmless(page: &Page, times: usize) {
    assert_eq!(page.html.matches(HARMLESS).count(), times, "{page:?}");
    for markup in ["<script", "<img", "<b>", "&lt;b&gt;"] {
        assert!(!page.says(markup), "{markup}: {page:?}");
    }
}

#[tokio::test]
async fn what_a_device_says_about_itself_stays_text() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let request = tv.request("/oauth/device-authorization").header("user-agent", HOSTILE).form(&[
        ("client_id", "tv"),
        ("scope", "openid"),
        ("device_name", HOSTILE),
        ("os", HOSTILE),
        ("hostname", HOSTILE),
        ("client_version", HOSTILE),
        ("metadata", r#"{"<script>": "<script>"}"#),
    ]);
    let code = send(request).await.string("user_code");
    // Its name also fills the field where the person may give it another.
    must_be_harmless(&ada.open(&code).await, 6);
}

#[tokio::test]
async fn a_device_cannot_hide_or_reorder_text() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    for text in [
        "a\r\nSet-Cookie: x=y",
        "a\nb",
        "a\tb",
        "\u{202e}gpj.exe",
        "a\u{2066}b",
        "a\u{200b}b",
        "a\u{1b}[31mb",
    ] {
        for field in ["device_name", "os", "hostname", "client_version"] {
            tv.ask(&[("scope", "openid"), (field, text)]).await.must_be_error("invalid_request");
        }
    }
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 0);
}

#[tokio::test]
async fn names_of_apps_scopes_and_tenants_stay_text() {
    let server = TestServer::start().await;
    let (ada, db) = (server.ada().await, &server.app.db);
    let scope = Scope::unconditional("video", HOSTILE);
    latchkey::domain::scopes::create(
        &server.app,
        DEFAULT_TENANT,
        scope,
        &latchkey::domain::audit::By::OPERATOR,
    )
    .await
    .expect("a scope");
    let app = server.client("app", "video", |client| client.name = HOSTILE.to_owned()).await;
    sqlx::query("UPDATE tenants SET name = $1").bind(HOSTILE).execute(db).await.expect("a change");
    let page = ada.open(&app.start("video").await.user_code).await;
    // Heading, scope and the device's label; the tenant in title, masthead and claim.
    must_be_harmless(&page, 6);
}

#[tokio::test]
async fn an_app_cannot_be_registered_under_a_name_that_hides_text() {
    let server = TestServer::start().await;
    for name in ["", " ", "a\r\nb", "\u{202e}knaB", "My\u{200b}Bank", &"x".repeat(129)] {
        let known = Client::public(DEFAULT_TENANT, ClientId::parse("app").expect("a client id"));
        let client = Client { name: name.to_owned(), ..known };
        let refusal = clients::create(&server.app, client, &latchkey::domain::audit::By::OPERATOR)
            .await
            .expect_err(name);
        assert!(matches!(refusal, ClientError::UnfitName), "{name:?}: {refusal}");
    }
}

#[tokio::test]
async fn a_username_stays_text_wherever_it_is_shown() {
    let server = TestServer::start().await;
    let name = "\"><img src=x onerror='alert(2)'>";
    let (tv, person) = (server.tv().await, server.person(name, &[]).await);
    let failed = person.sign_in_with("not the password").await;
    let consent = person.open(&tv.start("openid").await.user_code).await;
    for (page, times) in [(failed, 1), (consent, 2)] {
        assert_eq!(page.html.matches("&#34;&#62;&#60;img src=x onerror=").count(), times, "{page:?}");
        assert!(!page.says("<img"), "{page:?}");
    }
}

#[tokio::test]
async fn what_was_typed_into_a_field_stays_text() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let page = Person::new(&server.base, HOSTILE, "wrong").sign_in().await;
    must_be_harmless(&page, 1);
    ada.sign_in().await;
    // Only its first 64 characters are kept.
    let typed = &HOSTILE[..60];
    let page = ada.enter(typed).await;
    assert!(page.says("value=\"&#60;script&#62;alert(1)"), "{page:?}");
    assert!(!page.says("<script") && !page.says("<img"), "{page:?}");
}

#[tokio::test]
async fn a_code_in_a_link_stays_text_and_never_reaches_a_header() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let link = "/device?user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E%0d%0aSet-Cookie:%20evil=1";
    let hop = RawBrowser::of(&server).get(link).await;
    assert_eq!(hop.header("location"), "/device");
    assert!(hop.headers.values().all(|value| !format!("{value:?}").contains("evil")), "{hop:?}");
    let page = ada.visit(link).await;
    assert!(page.says("&#34;&#62;&#60;script&#62;"), "{page:?}");
    assert!(!page.says("<script"), "{page:?}");
}

#[tokio::test]
async fn error_pages_repeat_nothing_of_the_request() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    for path in [
        "/%3Cscript%3Eevil",
        "/t/%3Cscript%3Eevil/device",
        "/t/evil/device",
        "/sign-out?evil=1",
        "/device?user_code=%zzevil",
        "/device?evil=%0d%0aevil&evil",
    ] {
        let page = ada.visit(path).await;
        assert!(page.status.is_client_error(), "{path}: {page:?}");
        assert!(!page.says("evil"), "{path}: {page:?}");
    }
}
