//! In which language the pages are (RFC 9110 §12.5.4), and how a person changes it.

use super::UNKNOWN_CODE;
use crate::support::{Page, TestServer};

async fn asked_in(server: &TestServer, languages: &str, path: &str) -> Page {
    let request = server.http.get(format!("{}{path}", server.base)).header("accept-language", languages);
    Page::read(request.send().await.expect("the server answers")).await
}

#[tokio::test]
async fn a_page_is_in_the_language_the_browser_prefers_and_says_so() {
    let server = TestServer::start().await;
    for (languages, tag, title) in [
        ("de-AT, en;q=0.5", "de", "Gerät verbinden"),
        ("zh-CN, en;q=0.5", "zh-Hans", "连接设备"),
        ("zh-TW", "en", "Connect a device"),
        ("fr, tlh", "en", "Connect a device"),
    ] {
        let page = asked_in(&server, languages, "/device").await;
        assert!(page.says(&format!("<html lang=\"{tag}\" dir=\"ltr\">")), "{page:?}");
        assert!(page.says(&format!("<h1>{title}</h1>")), "{page:?}");
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
        assert!(page.says("<h1>Nicht gefunden</h1>"), "{page:?}");
    }
    let page = asked_in(&server, "zh", "/sign-out").await;
    assert_eq!(page.status, 405);
    assert!(page.says("<h1>无法操作</h1>"), "{page:?}");
    assert_eq!(page.header("allow"), "POST");
}

#[tokio::test]
async fn a_person_changes_the_language_and_stays_where_they_are() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let page = ada.visit("/sign-in").await;
    let german = ada.submit(&page, "/language", &[("language", "de")]).await;
    assert_eq!(german.location, "/sign-in");
    assert!(german.says("<h1>Anmelden</h1>"), "{german:?}");
    assert!(ada.visit("/device").await.says("<h1>Gerät verbinden</h1>"));
    ada.sign_in().await;
    let wrong = ada.enter(UNKNOWN_CODE).await;
    assert!(wrong.says("Dieser Code gilt nicht."), "{wrong:?}");
    assert!(wrong.says("<title>Fehler: Gerät verbinden · "), "{wrong:?}");
    let chinese = ada.submit(&wrong, "/language", &[("language", "zh-Hans")]).await;
    assert_eq!(chinese.location, "/device");
    assert!(chinese.says("<h1>连接设备</h1>"), "{chinese:?}");
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
        let told = if seconds < 60 {
            format!("{seconds} seconds")
        } else {
            format!("{} minutes", seconds.div_ceil(60))
        };
        assert!(page.says(&format!("Please wait {told}")), "{seconds} {page:?}");
    }
}
