//! Connections that are silent, slow or too many, on raw sockets.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::command_line::process::{DataDir, Served};
use crate::support::device::send;
use crate::support::patience::{PATIENCE, in_time};
use crate::support::{Link, Started, TestServer, until};

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

fn poll_body(started: &Started) -> String {
    format!(
        "client_id=tv&grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code={}",
        started.device_code
    )
}

/// Sends a poll as soon as the last one was answered, until an answer says that the connection closes; how often it was
/// answered, or what went wrong.
async fn poll_until_told(
    mut connection: TcpStream,
    poll: String,
    under_way: Arc<AtomicUsize>,
) -> Result<usize, String> {
    for answered in 1.. {
        let answer = ask(&mut connection, &poll).await;
        if status(&answer) != "400" {
            return Err(format!("after {answered} polls: {answer:?}"));
        }
        if answered == 1 {
            under_way.fetch_add(1, Ordering::Relaxed);
        }
        if answer.to_lowercase().contains("connection: close\r\n") {
            return Ok(answered);
        }
    }
    unreachable!("it polls until it is told")
}

#[tokio::test]
async fn a_stop_tells_every_device_that_polls_before_its_connection_is_closed() {
    const DEVICES: usize = 100;
    let server = TestServer::with(|config| {
        // Only the stop is to end anything.
        config.server.request_timeout_seconds = 600;
        config.server.shutdown_grace_seconds = 600;
    })
    .await;
    let link = Link::to(server.base.trim_start_matches("http://").parse().expect("an address")).await;
    // Most requests are on their way when the server stops.
    link.delay(Duration::from_millis(20));
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let body = poll_body(&started);
    let poll = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
        body.len()
    );
    let mut connections = Vec::new();
    for _ in 0..DEVICES {
        connections.push(TcpStream::connect(link.address).await.expect("the link takes the connection"));
    }
    let mut devices = JoinSet::new();
    let under_way = Arc::new(AtomicUsize::new(0));
    for connection in connections {
        devices.spawn(poll_until_told(connection, poll.clone(), Arc::clone(&under_way)));
    }
    until("every device polls", async || under_way.load(Ordering::Relaxed) == DEVICES).await;
    server.stop();
    let told = in_time("every device is told", devices.join_all()).await;
    let failures: Vec<_> = told.iter().filter_map(|told| told.as_ref().err()).collect();
    assert!(failures.is_empty(), "{} of {DEVICES}: {failures:?}", failures.len());
}

#[tokio::test]
async fn a_connection_that_was_made_before_a_stop_is_answered() {
    let server = TestServer::start().await;
    let mut connections = Vec::new();
    for _ in 0..20 {
        connections.push(connected(&server.base, LIVE.as_bytes()).await);
    }
    server.stop();
    for mut connection in connections {
        let answer = answer(&mut connection).await;
        assert_eq!(status(&answer), "200", "{answer}");
    }
}

#[tokio::test]
async fn a_stop_answers_what_is_under_way_in_http_2_and_says_goodbye() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let stream = TokioIo::new(connect(&server.base).await);
    let (client, connection) =
        http2::handshake(TokioExecutor::new(), stream).await.expect("it speaks HTTP/2");
    let mut polls = JoinSet::new();
    for _ in 0..20 {
        let body = poll_body(&tv.start("openid").await);
        let request = Request::post(format!("{}/oauth/token", server.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("prefer", "wait=60")
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        let mut client = client.clone();
        polls.spawn(async move { client.send_request(request).await.map(|answer| answer.status()) });
    }
    drop(client);
    let (ended, answers) = tokio::join!(in_time("the connection ends", connection), async {
        until("the polls wait", async || server.app.waiting_polls.len() == 20).await;
        server.stop();
        in_time("every poll is answered", polls.join_all()).await
    });
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|status| *status == 400)), "{answers:?}");
    assert!(ended.is_ok(), "{ended:?}");
}

#[tokio::test]
async fn where_there_is_little_room_answers_close_their_connections() {
    let server = TestServer::with(|config| config.server.max_connections = 40).await;
    let room = server.app.room.connections;
    let mut kept = Vec::new();
    let mut told = 0;
    for _ in 0..room {
        let mut connection = connect(&server.base).await;
        let answer = ask(&mut connection, LIVE).await.to_lowercase();
        assert_eq!(status(&answer), "200", "{answer}");
        told += usize::from(answer.contains("connection: close\r\n"));
        kept.push(connection);
    }
    assert!(told > 0, "{room} connections were all kept");
    // Nobody had to be closed for them.
    for connection in &mut kept[..room - told] {
        assert_eq!(status(&ask(connection, LIVE).await), "200");
    }
}

#[tokio::test]
async fn a_kept_connection_that_nobody_uses_is_closed_and_not_before_its_peer_expects_it() {
    let server = TestServer::with(|config| config.server.keep_alive_seconds = 1).await;
    let mut connection = connect(&server.base).await;
    let before = Instant::now();
    let answered = ask(&mut connection, LIVE).await;
    assert!(answered.to_lowercase().contains("keep-alive: timeout=1\r\n"), "{answered}");
    assert_eq!(answer(&mut connection).await, "");
    // The peer counts from when it has the answer, and its request takes as long on its way.
    assert!(before.elapsed() > Duration::from_secs(2), "{:?}", before.elapsed());
}

#[tokio::test]
async fn an_idle_connection_is_closed_before_anyone_is_refused() {
    let server = TestServer::with(|config| {
        config.server.max_connections = 40;
        config.server.body_timeout_seconds = 600;
        config.server.request_timeout_seconds = 600;
    })
    .await;
    let room = server.app.room;
    assert_eq!((room.connections, room.reserve), (38, 2));
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut connection = connect(&server.base).await;
        assert_eq!(status(&ask(&mut connection, LIVE).await), "200");
        idle.push(connection);
    }
    let mut busy = Vec::new();
    for _ in 20..room.connections {
        busy.push(connected(&server.base, ENDLESS).await);
    }
    for _ in 0..3 {
        let mut late = connect(&server.base).await;
        let answered = ask(&mut late, &get("/oauth/jwks")).await;
        assert_eq!(status(&answered), "200", "{answered}");
        busy.push(late);
    }
    let mut closed = 0;
    for connection in &mut idle {
        closed += usize::from(ask(connection, LIVE).await.is_empty());
    }
    assert!(closed <= 3, "{closed} connections were closed to make room for 3");
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
    let data = DataDir::with_cluster();
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

/// A poll that waits for a second.
fn waiting_poll(started: &Started) -> String {
    let body = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:device_code&client_id=tv&device_code={}",
        started.device_code
    );
    format!(
        "POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=1\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn nothing_is_lost_of_what_comes_behind_polls_that_wait() {
    const EACH: usize = 400;
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let (first, second) = (tv.start("openid").await, tv.start("openid").await);
    let third = tv.start("openid").await;
    let many = LIVE.repeat(EACH);
    let last = LIVE.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let polls = [waiting_poll(&first), waiting_poll(&second), waiting_poll(&third)];
    let answers = server.raw(format!("{}{many}{}{}{many}{last}", polls[0], polls[1], polls[2])).await;
    assert_eq!(answers.matches("authorization_pending").count(), 3);
    assert_eq!(answers.matches(r#"{"status":"live"}"#).count(), 2 * EACH + 1);
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 2 * EACH + 4);
}

#[tokio::test]
async fn a_connection_is_closed_after_a_poll_of_two_lengths_wherever_it_comes() {
    let server = TestServer::start().await;
    let started = server.tv().await.start("openid").await;
    let poll = waiting_poll(&started);
    let (head, body) = poll.split_once("\r\n\r\n").expect("a head");
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let head = head.replace(
        &format!("Content-Length: {}", body.len()),
        &format!("Content-Length: {}\r\nTransfer-Encoding: chunked", chunked.len() + LIVE.len()),
    );
    for before in ["", LIVE] {
        let answers = server.raw(format!("{before}{head}\r\n\r\n{chunked}{LIVE}")).await;
        let live = answers.matches(r#"{"status":"live"}"#).count();
        assert_eq!(live, usize::from(!before.is_empty()), "{answers}");
    }
}
