//! `/docs` in a real browser.

use serde_json::json;

use super::chromium::Chromium;
use crate::support::TestServer;

#[tokio::test]
async fn the_api_reference_opens_in_a_browser_and_asks_no_other_server() {
    let server = TestServer::start().await;
    server.tenant("acme").await;
    for path in ["/docs", "/docs/", "/t/acme/docs"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    let Some(browser) = Chromium::start("api-reference").await else { return };
    for path in ["/docs", "/docs/", "/t/acme/docs"] {
        browser.visit(&format!("{}{path}", server.base)).await;
        browser.sees(".opblock").await;
        let title = browser.run("return document.querySelector('.title').innerText", json!(null)).await;
        assert!(title.as_str().is_some_and(|title| title.contains("Latchkey")), "{path} {title}");
        let asked = "return performance.getEntriesByType('resource').map(entry => entry.name)";
        let asked = browser.run(asked, json!(null)).await;
        let asked = asked.as_array().expect("a list");
        let ours = |url: &serde_json::Value| {
            url.as_str().is_some_and(|url| url.starts_with(&server.base) || url.starts_with("data:"))
        };
        assert!(asked.len() >= 4 && asked.iter().all(ours), "{path} {asked:?}");
        assert_eq!(browser.complaints().await, Vec::<String>::new(), "{path}");
    }
    // A link that a browser follows, as from the discovery document.
    let metadata = server.get("/.well-known/openid-configuration").await;
    browser.visit(&metadata.string("service_documentation")).await;
    browser.sees(".opblock").await;
    assert_eq!(browser.address().await, "/docs");
}
