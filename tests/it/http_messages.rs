//! HTTP as it stands on the wire (RFC 9112): what clients of good manners never send.

use std::time::Duration;

use axum::body::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::TestServer;
use crate::support::patience::PATIENCE;

const LIMIT: usize = 32_768;

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// How many answers came.
fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}\r\n{body}"
    )
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_before_it_comes() {
    let server = TestServer::start().await;
    for path in ["/oauth/token", "/oauth/device-authorization", "/sign-in"] {
        let head = post(path, "Content-Length: 10000000000\r\nConnection: close\r\n", "");
        assert_eq!(status(&server.raw(head).await), "413", "{path}");
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_off_at_the_limit() {
    let server = TestServer::start().await;
    let body = format!("{:x}\r\n{}\r\n", LIMIT + 1, "a".repeat(LIMIT + 1));
    let request = post("/oauth/token", "Transfer-Encoding: chunked\r\nConnection: close\r\n", &body);
    assert_eq!(status(&server.raw(request).await), "413");
}

#[tokio::test]
async fn a_refused_body_is_not_taken_for_the_next_request() {
    let server = TestServer::start().await;
    let inner = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let body = format!("{}{inner}", "\r\n".repeat(LIMIT / 2 + 1));
    let request = post("/oauth/token", &format!("Content-Length: {}\r\n", body.len()), &body);
    // The next request, which ends the connection.
    let answer = server.raw(format!("{request}{inner}")).await;
    assert_eq!(status(&answer), "413");
    assert!(answers(&answer) <= 2, "{answer}");
    assert!(answer.matches("\"live\"").count() <= 1, "{answer}");
}

/// Sends a head, reads its answer, then sends the body and another request; all that comes back.
async fn body_after_the_answer(server: &TestServer, head: &str, body: &[u8]) -> String {
    let address = server.base.strip_prefix("http://").expect("the base is an http URL");
    let mut connection = TcpStream::connect(address).await.expect("the server accepts");
    connection.write_all(head.as_bytes()).await.expect("the head is sent");
    // A server that reads the rest answers only after it has come.
    let mut answer = vec![0; 65_536];
    let early = tokio::time::timeout(Duration::from_millis(200), connection.read(&mut answer)).await;
    answer.truncate(early.map_or(0, |read| read.expect("the connection is open")));
    let next = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // It may have been closed by now, but not by a reset.
    if connection.write_all(body).await.is_ok() {
        let _ = connection.write_all(next.as_bytes()).await;
    }
    tokio::time::timeout(PATIENCE, connection.read_to_end(&mut answer))
        .await
        .expect("the server closes")
        .expect("the connection is closed, not reset");
    String::from_utf8(answer).expect("the answer is text")
}

#[tokio::test]
async fn a_refusal_before_the_body_keeps_the_connection_or_says_that_it_closes() {
    let server = TestServer::start().await;
    for (path, length, expected) in [
        ("/oauth/nothing", 20, "404"),
        ("/nothing", 20_000, "404"),
        ("/oauth/jwks", 20, "405"),
        ("/devices", 20, "405"),
        ("/oauth/token", 40_000, "413"),
        ("/oauth/token", 4_000_000, "413"),
        ("/oauth/nothing", 2_000_000, "404"),
    ] {
        let head = post(path, &format!("Content-Length: {length}\r\n"), "");
        let answer = body_after_the_answer(&server, &head, &vec![b'a'; length]).await;
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        let closes = answer.split("\r\n\r\n").next().unwrap_or_default().contains("connection: close");
        assert_eq!(answers(&answer), if closes { 1 } else { 2 }, "{path} {length}: {answer}");
        assert_eq!(closes, length > 65_536, "{path} {length}: {answer}");
    }
}

#[tokio::test]
async fn a_refused_client_that_waits_to_be_asked_for_its_body_is_not_asked() {
    let server = TestServer::start().await;
    let head = post("/oauth/nothing", "Content-Length: 20\r\nExpect: 100-continue\r\n", "");
    let answer = server.raw(head).await;
    assert_eq!(status(&answer), "404", "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let server = TestServer::start().await;
    for headers in [
        format!("X-Large: {}\r\n", "a".repeat(17_000)),
        format!("X-Small: {}\r\n", "a".repeat(200)).repeat(90),
    ] {
        // RFC 6585 §5
        let request =
            format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\n{headers}Connection: close\r\n\r\n");
        assert_eq!(status(&server.raw(request).await), "431");
    }
}

#[tokio::test]
async fn two_lengths_that_differ_are_refused() {
    let server = TestServer::start().await;
    let request = post("/oauth/token", "Content-Length: 1\r\nContent-Length: 2\r\n", "ab");
    assert_eq!(status(&server.raw(request).await), "400");
}

#[tokio::test]
async fn a_request_with_two_kinds_of_length_smuggles_no_second_one() {
    let server = TestServer::start().await;
    let smuggled = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        // RFC 9112 §6.1: after such a request the connection ends.
        let request = post("/oauth/token", lengths, "0\r\n\r\n");
        let answer = server.raw(format!("{request}{smuggled}")).await;
        assert_eq!(status(&answer), "400", "{answer}");
        assert_eq!(answers(&answer), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_transfer_coding_that_is_not_understood_is_refused() {
    let server = TestServer::start().await;
    let next = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for coding in ["gzip", "gzip, chunked", "identity", "chunked, gzip", "chunked, chunked"] {
        // RFC 9112 §6.1
        let request = post("/oauth/token", &format!("Transfer-Encoding: {coding}\r\n"), "0\r\n\r\n");
        let answer = server.raw(format!("{request}{next}")).await;
        assert_eq!(status(&answer), "501", "{coding}: {answer}");
        assert_eq!(answers(&answer), 1, "{coding}: {answer}");
    }
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_in_the_shape_of_its_endpoint() {
    let server = TestServer::start().await;
    let long = "a".repeat(70_000);
    let large = format!("X-Large: {}\r\n", "a".repeat(17_000));
    let (oauth, rest, page) = ("\"error\":\"invalid_request\"", "application/problem+json", "text/html");
    for (path, shape) in [("/oauth/token", oauth), ("/devices", rest), ("/sign-in", page)] {
        for (request, expected) in [
            (post(path, "Transfer-Encoding: gzip\r\n", "0\r\n\r\n"), "501"),
            (post(path, "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501"),
            (post(path, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), "400"),
            (post(path, "Content-Length: 1\r\nContent-Length: 2\r\n", "ab"), "400"),
            (post(path, "No colon\r\n", ""), "400"),
            (post(path, &large, ""), "431"),
            (format!("GET {path}?{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), "431"),
            (format!("GET {path} HTTP/9.9\r\nHost: localhost\r\n\r\n"), "400"),
        ] {
            let answer = server.raw(&request).await;
            must_be_a_refusal(&answer, expected, shape);
        }
    }
    // Of these nothing is known.
    for request in ["\u{16}\u{3}\u{1}\u{2}\u{0} hello\r\n\r\n", "GET\r\n\r\n"] {
        must_be_a_refusal(&server.raw(request).await, "400", rest);
    }
}

#[track_caller]
fn must_be_a_refusal(answer: &str, expected: &str, shape: &str) {
    assert_eq!(status(answer), expected, "{answer}");
    assert_eq!(answers(answer), 1, "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(answer.contains(shape), "{shape}: {answer}");
    for header in ["connection: close", &format!("content-length: {}", body.len()), "x-request-id: "] {
        assert!(head.contains(header), "{header}: {answer}");
    }
    assert!(!head.contains("keep-alive") && !body.is_empty(), "{answer}");
}

#[tokio::test]
async fn a_refusal_behind_other_requests_is_the_same() {
    let server = TestServer::start().await;
    let live = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (headers, expected) in [
        ("Transfer-Encoding: gzip\r\n", "501"),
        ("Transfer-Encoding: gzip, chunked\r\n", "501"),
        ("No colon\r\n", "400"),
    ] {
        let refused = post("/oauth/token", headers, "0\r\n\r\n");
        for before in 1..=3 {
            let answer = server.raw(format!("{}{refused}{live}", live.repeat(before))).await;
            assert_eq!(answers(&answer), before + 1, "{answer}");
            let last = answer.rfind("HTTP/1.1 ").expect("answers");
            assert_eq!(status(&answer[last..]), expected, "{headers}: {answer}");
            assert!(
                answer[last..].contains("\"error\":\"invalid_request\"")
                    || answer[last..].contains("problem+json"),
                "{answer}"
            );
            assert_eq!(answer.matches("\"live\"").count(), before, "{answer}");
        }
    }
}

#[tokio::test]
async fn two_statements_of_a_body_s_length_are_refused_however_the_head_comes() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let body = format!(
        "client_id=tv&grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code={}",
        started.device_code
    );
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let sound = post("/oauth/token", "Transfer-Encoding: chunked\r\nConnection: close\r\n", &chunked);
    let answer = server.raw(sound).await;
    assert!(answer.contains("authorization_pending"), "{answer}");
    let both = format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", body.len());
    let request = post("/oauth/token", &both, &chunked);
    let address = server.base.strip_prefix("http://").expect("the base is an http URL");
    for part in [request.len(), 40] {
        let mut connection = TcpStream::connect(address).await.expect("the server accepts");
        connection.set_nodelay(true).expect("parts are sent by themselves");
        for part in request.as_bytes().chunks(part) {
            // Once refused, the rest may not be taken any more.
            let _ = connection.write_all(part).await;
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        let reading = connection.read_to_end(&mut answer);
        let _ = tokio::time::timeout(PATIENCE, reading).await.expect("the server closes");
        let answer = String::from_utf8(answer).expect("text");
        assert_eq!(status(&answer), "400", "{answer}");
        assert!(!answer.contains("authorization_pending") && !answer.contains("slow_down"), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_request_that_does_not_say_which_host_it_is_for_is_refused_in_the_shape_of_its_endpoint() {
    let server = TestServer::start().await;
    for (version, hosts, expected) in [
        ("1.1", "", "400"),
        ("1.1", "Host:\r\n", "400"),
        ("1.1", "Host: localhost\r\nHost: localhost\r\n", "400"),
        ("1.1", "Host: localhost\r\nHost: acme.example\r\n", "400"),
        ("1.1", "Host: a b/c@d\r\n", "400"),
        ("1.1", "Host: user@localhost\r\n", "400"),
        ("1.1", "Host: localhost:port\r\n", "400"),
        ("1.1", "Host: localhost\r\n", "200"),
        ("1.1", "Host: [::1]:80\r\n", "200"),
        // As the checks of some balancers.
        ("1.0", "", "200"),
        ("1.0", "Host: localhost\r\n", "200"),
        ("1.0", "Host: a b/c@d\r\n", "400"),
        ("1.0", "Host: localhost\r\nHost: localhost\r\n", "400"),
    ] {
        for (path, shape) in [
            ("/health/live", "\"error\":\"invalid_request\""),
            ("/oauth/jwks", "\"error\":\"invalid_request\""),
            ("/devices", "application/problem+json"),
            ("/device", "text/html"),
        ] {
            if path == "/devices" && expected == "200" {
                continue;
            }
            let request = format!("GET {path} HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
            let answer = server.raw(request).await;
            assert_eq!(status(&answer), expected, "{path} {version} {hosts}: {answer}");
            assert!(expected == "200" || answer.contains(shape), "{path} {version} {hosts}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_body_with_two_media_types_has_none() {
    let server = TestServer::start().await;
    server.tv().await;
    for path in ["/oauth/device-authorization", "/oauth/token", "/devices", "/sign-in"] {
        for second in ["application/x-www-form-urlencoded", "application/json"] {
            let headers = format!("Content-Type: {second}\r\nContent-Length: 12\r\nConnection: close\r\n");
            let answer = server.raw(post(path, &headers, "client_id=tv")).await;
            assert_eq!(status(&answer), "400", "{path}: {answer}");
        }
    }
}

/// The answer of HTTP/2 to a request that names its host in these ways: the authority of its target, and `Host` headers.
async fn http_2(server: &TestServer, authority: &str, hosts: &[&str]) -> u16 {
    let address = server.base.strip_prefix("http://").expect("the base is an http URL");
    let connection = TokioIo::new(TcpStream::connect(address).await.expect("the server accepts"));
    let (mut client, connection) =
        http2::handshake(TokioExecutor::new(), connection).await.expect("it speaks HTTP/2");
    let mut request = Request::get(format!("http://{authority}/oauth/jwks"));
    for host in hosts {
        request = request.header("host", *host);
    }
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    tokio::select! {
        answer = client.send_request(request) => answer.expect("it is answered").status().as_u16(),
        ended = connection => panic!("the connection has ended: {ended:?}"),
    }
}

#[tokio::test]
async fn in_http_2_the_authority_and_the_host_must_not_differ() {
    let server = TestServer::start().await;
    for (authority, hosts, expected) in [
        ("localhost", &[][..], 200),
        ("localhost", &["localhost"], 200),
        ("localhost", &["acme.example"], 400),
        ("localhost", &["localhost", "localhost"], 400),
        ("me@localhost", &[], 400),
    ] {
        assert_eq!(http_2(&server, authority, hosts).await, expected, "{authority:?} {hosts:?}");
    }
}

#[tokio::test]
async fn targets_of_every_form_are_answered() {
    let server = TestServer::start().await;
    for (line, expected) in [
        ("GET http://evil.example/health/live HTTP/1.1", "200"),
        ("GET //health/live HTTP/1.1", "404"),
        ("GET /t/acme//evil.example/device HTTP/1.1", "404"),
        ("GET /.//oauth/../health/live HTTP/1.1", "404"),
        ("OPTIONS * HTTP/1.1", "204"),
        ("CONNECT evil.example:443 HTTP/1.1", "404"),
        ("TRACE /oauth/token HTTP/1.1", "405"),
        ("BREW /oauth/token HTTP/1.1", "405"),
        ("GET /health/live HTTP/1.0", "200"),
    ] {
        let answer = server.raw(format!("{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), expected, "{line}: {answer}");
        assert!(!answer.to_lowercase().contains("location:"), "{line}: {answer}");
    }
}

#[tokio::test]
async fn a_redirect_stays_on_this_server() {
    let server = TestServer::start().await;
    let hosts = "Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n";
    for target in ["/", "//", "/t/acme", "/device?user_code=BDJW-DSXQ", "http://evil.example/"] {
        let answer = server.raw(format!("GET {target} HTTP/1.1\r\n{hosts}")).await;
        assert!(!answer.contains("evil"), "{target}: {answer}");
        let location = answer.lines().find_map(|line| line.strip_prefix("location: "));
        assert!(
            location.is_some_and(|path| path.starts_with('/') && !path.starts_with("//")),
            "{target}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let server = TestServer::with(|config| config.server.body_timeout_seconds = 1).await;
    let request = post("/oauth/token", "Content-Length: 100\r\nConnection: close\r\n", "grant_type=");
    let answer = server.raw(request).await;
    assert_eq!(status(&answer), "400", "{answer}");
    assert!(answer.contains("\"error\":\"invalid_request\""), "{answer}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let server = TestServer::with(|config| config.server.header_timeout_seconds = 1).await;
    let answer = server.raw("POST /oauth/token HTTP/1.1\r\nHost: localhost\r\n").await;
    assert!(answer.is_empty() || status(&answer) == "408", "{answer}");
}
