//! CORS: programs in browsers may use the protocol from anywhere, and nothing of a person's session.

use reqwest::Method;
use reqwest::header::ORIGIN;

use crate::support::device::{DEVICE_GRANT, send};
use crate::support::{Answer, TestServer};

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
    assert_eq!(server.count("SELECT count(*) FROM device_sessions").await, 0);
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
