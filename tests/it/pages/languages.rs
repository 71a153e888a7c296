//! In which language the pages are (RFC 9110 §12.5.4), and how a person changes it.

use latchkey::languages::Language;

use super::{NO_SUCH_CODE, UNKNOWN_CODE};
use crate::support::{Page, TestServer, words};

async fn asked_in(server: &TestServer, languages: &str, path: &str) -> Page {
    let request = server.http.get(format!("{}{path}", server.base)).header("accept-language", languages);
    Page::read(request.send().await.expect("the server answers")).await
}

fn is_titled(page: &Page, language: Language, key: &'static str) -> bool {
    page.says(&format!("<h1>{}</h1>", language.t(key)))
}

#[tokio::test]
async fn a_page_is_in_the_language_the_browser_prefers_and_says_so() {
    let server = TestServer::start().await;
    for (languages, tag, language) in [
        ("de-AT, en;q=0.5", "de", Language::German),
        ("zh-CN, en;q=0.5", "zh-Hans", Language::SimplifiedChinese),
        ("zh-TW", "en", Language::English),
        ("fr, tlh", "en", Language::English),
    ] {
        let page = asked_in(&server, languages, "/device").await;
        assert!(page.says(&format!("<html lang=\"{tag}\" dir=\"ltr\">")), "{page:?}");
        assert!(is_titled(&page, language, "device-title"), "{page:?}");
        assert_eq!(page.header("content-language"), tag);
        assert_eq!(page.header("vary"), "Accept-Language, Cookie");
    }
}

#[tokio::test]
async fn also_what_belongs_to_no_tenant_is_told_in_the_readers_language() {
    let server = TestServer::start().await;
    for path in ["/no/such/page", "/t/nobody/device", "/t/No_Body/device"] {
        let page = asked_in(&server, "de", path).await;
        assert_eq!((page.status.as_u16(), page.header("content-language")), (404, "de"), "{path}");
        assert!(is_titled(&page, Language::German, "notice-not-found-title"), "{page:?}");
    }
    let page = asked_in(&server, "zh", "/sign-out").await;
    assert_eq!(page.status, 405);
    assert!(is_titled(&page, Language::SimplifiedChinese, "notice-not-possible-title"), "{page:?}");
    assert_eq!(page.header("allow"), "POST");
}

#[tokio::test]
async fn a_person_changes_the_language_and_stays_where_they_are() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let page = ada.visit("/sign-in").await;
    let german = ada.submit(&page, "/language", &[("language", "de")]).await;
    assert_eq!(german.location, "/sign-in");
    assert!(is_titled(&german, Language::German, "sign-in-title"), "{german:?}");
    assert!(is_titled(&ada.visit("/device").await, Language::German, "device-title"));
    ada.sign_in().await;
    let wrong = ada.enter(UNKNOWN_CODE).await;
    assert!(words::holds(&wrong.html, Language::German, NO_SUCH_CODE), "{wrong:?}");
    let title = Language::German.t("layout-error-title").phrase("title", Language::German.t("device-title"));
    assert!(wrong.says(&format!("<title>{title} · ")), "{wrong:?}");
    let chinese = ada.submit(&wrong, "/language", &[("language", "zh-Hans")]).await;
    assert_eq!(chinese.location, "/device");
    assert!(is_titled(&chinese, Language::SimplifiedChinese, "device-title"), "{chinese:?}");
}

#[tokio::test]
async fn a_change_of_the_language_leads_nowhere_but_to_our_own_pages() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let page = ada.visit("/sign-in").await;
    for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", ""] {
        let fields = [("language", "de"), ("return_to", elsewhere)];
        assert_eq!(ada.submit(&page, "/language", &fields).await.location, "/device", "{elsewhere}");
    }
    let unknown = ada.submit(&page, "/language", &[("language", "tlh")]).await;
    assert_eq!(unknown.status, 403);
    let foreign = ada.post("/language", &[("language", "de"), ("csrf", "guessed")]).await;
    assert_eq!(foreign.status, 403);
}

#[tokio::test]
async fn whoever_must_wait_is_told_how_long_it_really_is() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    for _ in 0..20 {
        ada.sign_in_with("not the password").await;
    }
    for past in [0.0, 200.0] {
        server.clock.advance(past);
        let page = ada.sign_in_with("not the password").await;
        assert_eq!(page.status, 429);
        let seconds: u32 = page.header("retry-after").parse().expect("whole seconds");
        let wait = if seconds < 60 {
            words::t("span-seconds").number("count", seconds.into())
        } else {
            words::t("span-minutes").number("count", seconds.div_ceil(60).into())
        };
        let words = words::t("sign-in-error-too-many").phrase("wait", wait).to_string();
        assert!(page.says(&words), "{seconds} {page:?}");
    }
}
