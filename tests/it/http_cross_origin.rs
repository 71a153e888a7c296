//! CORS: programs in browsers may use the protocol from anywhere, and nothing of a person's session.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::ORIGIN;

use crate::support::device::{DEVICE_GRANT, send};
use crate::support::{Answer, DpopKey, TestServer};
use crate::tenant_isolation::operations;

const ELSEWHERE: &str = "https://tv.example";

async fn from_elsewhere(server: &TestServer, path: &str, form: &[(&str, &str)]) -> Answer {
    send(server.http.post(format!("{}{path}", server.base)).header(ORIGIN, ELSEWHERE).form(form)).await
}

async fn preflight(server: &TestServer, path: &str, method: &str, headers: &str) -> Answer {
    let request = server.http.request(Method::OPTIONS, format!("{}{path}", server.base));
    let request = request.header(ORIGIN, ELSEWHERE).header("access-control-request-method", method);
    send(request.header("access-control-request-headers", headers)).await
}

#[track_caller]
fn must_be_readable_by_anybody(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), "*", "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), "", "{answer:?}");
}

#[tokio::test]
async fn discovery_and_keys_may_be_read_from_anywhere() {
    let server = TestServer::start().await;
    for path in
        ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/oauth/jwks"]
    {
        let request = server.http.get(format!("{}{path}", server.base)).header(ORIGIN, ELSEWHERE);
        let answer = send(request).await;
        assert_eq!(answer.status, 200);
        must_be_readable_by_anybody(&answer);
        assert!(
            preflight(&server, path, "GET", "").await.header("access-control-allow-methods").contains("GET")
        );
    }
}

#[tokio::test]
async fn answers_of_the_protocol_may_be_read_from_anywhere_refusals_too() {
    let server = TestServer::with(|config| config.rate_limits.device_authorization_burst = 1).await;
    server.tv().await;
    let large = "x".repeat(40_000);
    let (start, token) = ("/oauth/device-authorization", "/oauth/token");
    for (path, form, status) in [
        (start, &[("client_id", "tv")][..], 200),
        (start, &[("client_id", "tv")], 429),
        (start, &[("client_id", "nobody")], 400),
        (start, &[("client_id", &large)], 413),
        (token, &[("client_id", "tv"), ("grant_type", DEVICE_GRANT), ("device_code", "x")], 400),
        (token, &[("client_id", "nobody"), ("grant_type", DEVICE_GRANT)], 400),
        ("/oauth/revoke", &[("client_id", "tv"), ("token", "x")], 200),
        ("/oauth/revoke", &[("client_id", "nobody"), ("token", "x")], 400),
        ("/oauth/userinfo", &[], 401),
        ("/oauth/userinfo", &[("access_token", "x")], 401),
    ] {
        let answer = from_elsewhere(&server, path, form).await;
        assert_eq!(answer.status, status, "{answer:?}");
        must_be_readable_by_anybody(&answer);
        let exposed = answer.header("access-control-expose-headers").to_ascii_lowercase();
        for header in ["retry-after", "www-authenticate"] {
            assert!(exposed.contains(header), "{answer:?}");
        }
    }
    let request = server.http.post(format!("{}{token}", server.base)).header(ORIGIN, ELSEWHERE);
    let untyped = send(request.body("x")).await;
    assert_eq!(untyped.status, 415);
    must_be_readable_by_anybody(&untyped);
}

#[tokio::test]
async fn a_browser_may_post_with_the_headers_it_needs() {
    let server = TestServer::start().await;
    for path in [
        "/oauth/device-authorization",
        "/oauth/device_authorization",
        "/oauth/token",
        "/api/v1/oauth/token",
        "/oauth/revoke",
    ] {
        let answer = preflight(&server, path, "POST", "authorization,content-type,dpop").await;
        assert!(answer.status.is_success(), "{answer:?}");
        must_be_readable_by_anybody(&answer);
        assert_eq!(answer.header("access-control-allow-methods"), "POST", "{answer:?}");
        let headers = answer.header("access-control-allow-headers").to_ascii_lowercase();
        for header in ["authorization", "content-type", "dpop"] {
            assert!(headers.contains(header), "{headers}");
        }
    }
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 0);
}

#[tokio::test]
async fn pages_are_for_nobody_elses_scripts() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    for path in ["/device", "/sign-in", "/device/consent", "/sign-out", "/device/qr?user_code=BDJW-DSXQ"] {
        for method in ["GET", "POST"] {
            let answer = preflight(&server, path, method, "content-type").await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{path} {answer:?}");
        }
        let read = send(ada.browser().get(format!("{}{path}", server.base)).header(ORIGIN, ELSEWHERE)).await;
        assert_eq!(read.header("access-control-allow-origin"), "", "{path} {read:?}");
        assert_eq!(read.header("access-control-allow-credentials"), "", "{path} {read:?}");
    }
}

#[tokio::test]
async fn a_person_may_be_asked_for_from_anywhere_and_a_token_judged_by_servers_only() {
    let server = TestServer::start().await;
    for method in ["GET", "POST"] {
        let answer = preflight(&server, "/oauth/userinfo", method, "authorization,dpop").await;
        must_be_readable_by_anybody(&answer);
        assert!(answer.header("access-control-allow-methods").contains(method), "{answer:?}");
    }
    let answer = preflight(&server, "/oauth/introspect", "POST", "authorization").await;
    assert_eq!(answer.header("access-control-allow-origin"), "", "{answer:?}");
    let asked = from_elsewhere(&server, "/oauth/introspect", &[("token", "x")]).await;
    assert_eq!(asked.header("access-control-allow-origin"), "", "{asked:?}");
}

/// Headers of answers that scripts see anyway (CORS-safelisted), that are for the connection, or for the browser itself.
const FOR_NO_SCRIPT: [&str; 14] = [
    "cache-control",
    "connection",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "expires",
    "keep-alive",
    "last-modified",
    "pragma",
    "strict-transport-security",
    "vary",
    "x-content-type-options",
    "x-frame-options",
];
/// The token that goes with a browser's cookie, which nobody elsewhere may send.
const CSRF_TOKEN: &str = "x-csrf-token";

#[tokio::test]
async fn every_header_that_open_endpoints_read_or_write_is_open_to_other_origins() {
    let server = TestServer::with(|config| config.dpop.require_nonce = true).await;
    let tv = server.tv().await;
    let document = server.get("/openapi.json").await.json;
    let mut seen = 0;
    for operation in operations(&document) {
        let (path, method) = (operation.path.as_str(), operation.method.as_str());
        let allows = preflight(&server, path, method, "").await;
        if allows.header("access-control-allow-origin") != "*" {
            continue;
        }
        seen += 1;
        let list = |header: &str| -> Vec<String> {
            allows.header(header).split(',').map(|name| name.trim().to_lowercase()).collect()
        };
        let allowed = list("access-control-allow-headers");
        let said = &document["paths"][path][method.to_lowercase()];
        let parameters = said["parameters"].as_array().into_iter().flatten();
        let mut read: Vec<_> = parameters
            .filter(|parameter| parameter["in"] == "header")
            .map(|parameter| parameter["name"].as_str().expect("a name").to_lowercase())
            .collect();
        if said["requestBody"].is_object() {
            read.push("content-type".to_owned());
        }
        if said["security"].is_array() {
            read.push("authorization".to_owned());
        }
        // What has a tag is asked for by it.
        if method == "GET" && !server.get(path).await.header("etag").is_empty() {
            read.push("if-none-match".to_owned());
        }
        // Scripts may send the language anyway (CORS-safelisted).
        read.retain(|name| name != CSRF_TOKEN && name != "accept-language");
        assert!(read.iter().all(|name| allowed.contains(name)), "{path}: {read:?}, but {allowed:?}");
    }
    assert!(seen >= 9, "{seen}");

    // What is written is seen on answers of every kind.
    let mut written = BTreeMap::new();
    let mut look_at = |answer: &Answer| {
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        for name in answer.headers.keys().map(reqwest::header::HeaderName::as_str) {
            if !FOR_NO_SCRIPT.contains(&name) && !name.starts_with("access-control-") && name != CSRF_TOKEN {
                assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{name}: {answer:?}");
                *written.entry(name.to_owned()).or_insert(0) += 1;
            }
        }
    };
    let started = tv.start("openid").await;
    let poll = [("grant_type", DEVICE_GRANT), ("client_id", "tv"), ("device_code", &started.device_code)];
    let request = |path: &str| server.http.post(format!("{}{path}", server.base)).header(ORIGIN, ELSEWHERE);
    look_at(&send(request("/oauth/token").header("prefer", "wait=1").form(&poll)).await);
    look_at(&send(request("/oauth/token").header("dpop", "no proof").form(&poll)).await);
    let proof = DpopKey::new(&server).proof("/oauth/token");
    look_at(&send(request("/oauth/token").header("dpop", proof).form(&poll)).await);
    look_at(&send(request("/oauth/userinfo")).await);
    look_at(&send(request("/oauth/jwks")).await);
    look_at(&send(server.http.get(format!("{}/oauth/jwks", server.base)).header(ORIGIN, ELSEWHERE)).await);
    look_at(&from_elsewhere(&server, "/oauth/token", &[("client_id", "nobody"), ("grant_type", "x")]).await);
    for _ in 0..25 {
        let ask = [("client_id", "tv"), ("scope", "openid")];
        look_at(&from_elsewhere(&server, "/oauth/device-authorization", &ask).await);
    }
    for header in [
        "dpop-nonce",
        "etag",
        "preference-applied",
        "retry-after",
        "www-authenticate",
        "allow",
        "x-request-id",
    ] {
        assert!(written.contains_key(header), "no answer had {header}: {written:?}");
    }
}
