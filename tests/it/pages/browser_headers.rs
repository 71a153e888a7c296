//! What browsers are told beside the page: whom to trust, what to keep, what to forget.

use super::every_kind_of_page;
use super::raw_browser::{RawBrowser, set_cookies};
use crate::support::TestServer;

async fn https_server() -> TestServer {
    TestServer::with(|config| {
        config.server.public_url = Some("https://login.example.org".parse().expect("a URL"));
    })
    .await
}

#[tokio::test]
async fn every_page_has_the_headers_that_protect_it() {
    let server = TestServer::start().await;
    let mut pages = every_kind_of_page(&server).await;
    pages.push(("redirect", RawBrowser::of(&server).get("/device?user_code=BBBB-BBBB").await));
    pages.push(("redirect of a stranger", RawBrowser::of(&server).get("/device/consent").await));
    for (kind, page) in pages {
        let policy = page.header("content-security-policy");
        for rule in [
            "default-src 'none'",
            "style-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        ] {
            assert!(policy.split("; ").any(|part| part == rule), "{kind}: {rule} in {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{kind}: {policy}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), value, "{kind}: {name}");
        }
        assert!(page.header("permissions-policy").contains("camera=()"), "{kind}");
        assert!(!page.headers.contains_key("server"), "{kind}");
    }
}

#[tokio::test]
async fn over_https_every_cookie_is_bound_to_this_host_and_hidden_from_scripts() {
    let server = https_server().await;
    let (tv, ada, mut browser) = (server.tv().await, server.ada().await, RawBrowser::of(&server));
    let started = tv.start("openid").await;
    let mut answers = vec![browser.get(&format!("/device?user_code={}", started.user_code)).await];
    let page = browser.get("/device").await;
    answers.push(browser.submit(&page, "/device", &[]).await);
    answers.push(browser.sign_in(&ada).await);
    assert_eq!(answers[2].header("location"), "/device/consent");
    let page = browser.get("/device/consent").await;
    answers.push(browser.submit(&page, "/sign-out", &[]).await);
    answers.push(page);
    let mut lines = 0;
    for answer in &answers {
        assert_eq!(answer.header("strict-transport-security"), "max-age=63072000");
        for line in set_cookies(answer) {
            let attributes: Vec<_> = line.split("; ").skip(1).collect();
            assert!(line.starts_with("__Host-latchkey"), "{line}");
            for wanted in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
                assert!(attributes.contains(&wanted), "{wanted} is missing: {line}");
            }
            assert!(!line.contains("Domain"), "{line}");
            lines += 1;
        }
    }
    // The browser's own and the carried code, twice each or more, and the code's removal.
    assert!(lines >= 5, "{answers:?}");
}

#[tokio::test]
async fn on_a_loopback_address_cookies_work_without_https_and_are_hidden_all_the_same() {
    let server = TestServer::start().await;
    let answer = RawBrowser::of(&server).get("/device?user_code=BBBB-BBBB").await;
    let lines = set_cookies(&answer);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in lines {
        assert!(
            line.contains("HttpOnly") && line.contains("SameSite=Lax") && !line.contains("Secure"),
            "{line}"
        );
        assert!(!line.contains("Max-Age") && !line.contains("Expires"), "it outlives the browser: {line}");
    }
    assert!(!answer.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn no_cookie_holds_a_readable_code() {
    let server = TestServer::start().await;
    let code = server.tv().await.start("openid").await.user_code;
    let answer = RawBrowser::of(&server).get(&format!("/device?user_code={code}")).await;
    for line in set_cookies(&answer) {
        let value = line.split(['=', ';']).nth(1).expect("a value");
        let decoded = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, value);
        let decoded = String::from_utf8_lossy(&decoded.unwrap_or_default()).into_owned();
        assert!(!line.contains(&code) && !decoded.contains(&code), "{line}");
    }
}

#[tokio::test]
async fn tenants_keep_their_cookies_apart_whatever_they_are_called() {
    let server = TestServer::start().await;
    let (id, base) = server.tenant("code").await;
    let neighbour = server.person_of(id, &base, "eve", &[]).await;
    neighbour.sign_in().await;
    neighbour.visit(&format!("{}/device?user_code=BBBB-BBBB", server.base)).await;
    assert!(
        neighbour.visit("/device").await.says("Signed in as"),
        "the other tenant's cookie took its place"
    );
    let root = neighbour.visit(&format!("{}/device", server.base)).await;
    assert!(!root.says("Signed in as"), "{root:?}");
    assert_eq!(root.form("/device")["user_code"], "BBBB-BBBB");
}

#[tokio::test]
async fn the_stylesheet_may_be_kept_for_good_and_pages_name_it_by_its_content() {
    let server = TestServer::start().await;
    let page = server.ada().await.visit("/device").await;
    let path = page.html.split("rel=\"stylesheet\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let style = RawBrowser::of(&server).get(path.expect("a stylesheet")).await;
    assert_eq!((style.status.as_u16(), style.header("content-type")), (200, "text/css; charset=utf-8"));
    assert_eq!(style.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(style.says(".card"), "{style:?}");
    assert!(!style.says("url(") && !style.says("@import"), "the stylesheet loads something");
}

#[tokio::test]
async fn every_redirect_after_a_form_is_one_that_forgets_the_form() {
    let server = TestServer::start().await;
    let (tv, ada, mut browser) = (server.tv().await, server.ada().await, RawBrowser::of(&server));
    let code = tv.start("openid").await.user_code;
    let page = browser.get("/device").await;
    let mut redirects = vec![browser.submit(&page, "/device", &[("user_code", &code)]).await];
    redirects.push(browser.sign_in(&ada).await);
    let consent = browser.get("/device/consent").await;
    redirects.push(browser.submit(&consent, "/device/consent", &[("decision", "approve")]).await);
    assert_eq!(redirects.pop().expect("the last").status, 200);
    redirects.push(browser.submit(&consent, "/sign-out", &[]).await);
    let locations: Vec<_> =
        redirects.iter().map(|page| (page.status.as_u16(), page.header("location"))).collect();
    assert_eq!(locations, [(303, "/sign-in"), (303, "/device/consent"), (303, "/sign-in")]);
}

#[tokio::test]
async fn after_the_first_redirect_no_address_holds_the_code() {
    let server = TestServer::start().await;
    let (tv, ada, mut browser) = (server.tv().await, server.ada().await, RawBrowser::of(&server));
    let code = tv.start("openid").await.user_code;
    let mut answers = vec![browser.get(&format!("/device?user_code={code}")).await];
    answers.push(browser.get("/device").await);
    answers.push(browser.submit(&answers[1].clone(), "/device", &[]).await);
    answers.push(browser.get("/sign-in").await);
    answers.push(browser.sign_in(&ada).await);
    assert_eq!(answers[4].header("location"), "/device/consent");
    answers.push(browser.get("/device/consent").await);
    answers.push(browser.submit(&answers[5].clone(), "/device/consent", &[("decision", "approve")]).await);
    assert!(answers[6].says("Your device is connected"));
    let letters = code.replace('-', "");
    for page in &answers {
        let links = page.html.split(['"', '\'']).filter(|text| text.starts_with('/') || text.contains("://"));
        for address in links.chain([page.header("location")]) {
            assert!(!address.contains(&code) && !address.contains(&letters), "{address}");
        }
    }
}
