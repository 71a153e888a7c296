//! Connections that are silent, slow or too many, on raw sockets.

use std::process::Command;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::command_line::process::{DataDir, Served};
use crate::support::TestServer;
use crate::support::device::send;
use crate::support::patience::PATIENCE;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const LIVE: &str = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

async fn connect(base: &str) -> TcpStream {
    TcpStream::connect(base.trim_start_matches("http://")).await.expect("the server accepts")
}

async fn connected(base: &str, bytes: &[u8]) -> TcpStream {
    let mut connection = connect(base).await;
    connection.write_all(bytes).await.expect("the bytes are sent");
    connection
}

/// One answer, head and body; empty when the connection was closed instead.
async fn answer(connection: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let reading = async {
        loop {
            let so_far = String::from_utf8_lossy(&text).into_owned();
            if let Some((head, body)) = so_far.split_once("\r\n\r\n") {
                let length = head.to_lowercase();
                let length = length.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or_default() {
                    return so_far;
                }
            }
            match connection.read_buf(&mut text).await {
                Ok(0) | Err(_) => return so_far,
                Ok(_) => {}
            }
        }
    };
    timeout(PATIENCE, reading).await.expect("the server answers or closes")
}

async fn ask(connection: &mut TcpStream, request: &str) -> String {
    // A connection that was closed meanwhile is seen when the answer is read.
    let _ = connection.write_all(request.as_bytes()).await;
    answer(connection).await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

/// A request that is under way for as long as its body does not come.
const ENDLESS: &[u8] = b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\n\
    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type=";

#[tokio::test]
async fn a_connection_that_sends_no_whole_head_is_closed() {
    let server = TestServer::with(|config| config.server.header_timeout_seconds = 1).await;
    for bytes in [&b""[..], &PREFACE[..16], b"G", b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut connection = connected(&server.base, bytes).await;
        assert_eq!(answer(&mut connection).await, "", "{bytes:?}");
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_closed_at_its_time_limit() {
    let server = TestServer::with(|config| config.server.header_timeout_seconds = 1).await;
    let mut connection = connected(&server.base, LIVE.as_bytes()).await;
    assert_eq!(status(&answer(&mut connection).await), "200");
    let (mut reading, mut writing) = connection.into_split();
    let drip = async {
        loop {
            let _ = writing.write_all(b"G").await;
            sleep(Duration::from_millis(50)).await;
        }
    };
    let mut rest = Vec::new();
    tokio::select! {
        closed = timeout(PATIENCE, reading.read_to_end(&mut rest)) => drop(closed.expect("the server closes")),
        () = drip => {}
    }
    assert_eq!(String::from_utf8_lossy(&rest), "");
}

#[tokio::test]
async fn a_kept_connection_outlives_the_polling_interval_and_the_time_limit_of_a_head() {
    let server = TestServer::with(|config| {
        config.server.header_timeout_seconds = 1;
        config.device_flow.poll_interval_seconds = 2;
    })
    .await;
    server.tv().await;
    let body = "client_id=tv&scope=openid";
    let start = format!(
        "POST /oauth/device-authorization HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
        body.len()
    );
    let mut connection = connect(&server.base).await;
    for _ in 0..3 {
        let answer = ask(&mut connection, &start).await;
        assert_eq!(status(&answer), "200", "{answer}");
        assert!(answer.to_lowercase().contains("keep-alive: timeout=75\r\n"), "{answer}");
        // The silence of a device between two polls is what this is about.
        sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn a_kept_connection_that_nobody_uses_is_closed() {
    let server = TestServer::with(|config| config.server.keep_alive_seconds = 1).await;
    let mut connection = connect(&server.base).await;
    assert_eq!(status(&ask(&mut connection, LIVE).await), "200");
    assert_eq!(answer(&mut connection).await, "");
}

#[tokio::test]
async fn the_longest_idle_connection_is_closed_before_anyone_is_refused() {
    let server = TestServer::with(|config| config.server.max_connections = 40).await;
    let room = server.app.room;
    assert_eq!((room.connections, room.reserve), (38, 2));
    let mut kept = Vec::new();
    for _ in 0..room.connections {
        let mut connection = connect(&server.base).await;
        assert_eq!(status(&ask(&mut connection, LIVE).await), "200");
        kept.push(connection);
    }
    for _ in 0..3 {
        let mut late = connect(&server.base).await;
        let answered = ask(&mut late, &get("/oauth/jwks")).await;
        assert_eq!(status(&answered), "200", "{answered}");
        assert_eq!(answer(&mut kept.remove(0)).await, "", "the longest idle one is closed");
        kept.push(late);
    }
    assert_eq!(status(&ask(kept.last_mut().expect("one"), LIVE).await), "200");
}

#[tokio::test]
async fn over_the_limit_only_health_checks_and_people_are_answered() {
    let server = TestServer::with(|config| {
        config.server.max_connections = 40;
        config.server.body_timeout_seconds = 600;
        config.server.request_timeout_seconds = 600;
    })
    .await;
    let mut busy = Vec::new();
    for _ in 0..server.app.room.connections {
        busy.push(connected(&server.base, ENDLESS).await);
    }
    for path in ["/oauth/jwks", "/t/acme/oauth/jwks", "/api/v1/oauth/jwks", "/devices"] {
        let refusal = ask(&mut connect(&server.base).await, &get(path)).await;
        assert_eq!(status(&refusal), "503", "{path}: {refusal}");
        let head = refusal.to_lowercase();
        assert!(head.contains("retry-after: 5\r\n") && head.contains("connection: close\r\n"), "{refusal}");
        assert!(refusal.contains("temporarily_unavailable"), "{refusal}");
    }
    for (path, expected) in
        [("/health/live", "200"), ("/health/ready", "200"), ("/sign-in", "200"), ("/device", "200")]
    {
        let answer = ask(&mut connect(&server.base).await, &get(path)).await;
        assert_eq!(status(&answer), expected, "{path}: {answer}");
        assert!(answer.to_lowercase().contains("connection: close\r\n"), "{answer}");
    }
    let decision = "POST /oauth/device/consent HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(status(&ask(&mut connect(&server.base).await, decision).await), "401");
    let reserve: Vec<_> =
        [connected(&server.base, ENDLESS).await, connected(&server.base, ENDLESS).await].into();
    let mut last = connect(&server.base).await;
    let refusal = answer(&mut last).await;
    assert!(status(&refusal) == "503" && refusal.contains("Retry-After: 5\r\n"), "{refusal}");
    drop((busy, reserve));
    let request = server.http.get(format!("{}/oauth/jwks", server.base));
    assert_eq!(send(request).await.status, 200);
}

#[tokio::test]
async fn two_thousand_silent_connections_do_not_stop_the_server() {
    latchkey::descriptors::raise();
    let data = DataDir::new();
    // The soft limit is too low for them; the server raises it.
    let serve = data.latchkey(&["serve"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -Sn 256; ulimit -Hn 4096; exec \"$0\" serve"]).arg(serve.get_program());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let server = Served::start_from(&mut shell, &[("LATCHKEY__SERVER__HEADER_TIMEOUT_SECONDS", "600")]);
    let mut silent = Vec::new();
    for number in 0..2000 {
        let bytes = [&b""[..], &PREFACE[..18], b"GET /health/live HTTP/1.1\r\nHos"][number % 3];
        silent.push(connected(&server.base, bytes).await);
    }
    for path in ["/health/ready", "/oauth/jwks", "/device"] {
        let answer = ask(&mut connect(&server.base).await, &get(path)).await;
        assert_eq!(status(&answer), "200", "{path}: {answer}");
    }
    drop(silent);
    let (status, log) = server.stop(rustix::process::Signal::TERM);
    assert!(status.success(), "{log:#?}");
}
