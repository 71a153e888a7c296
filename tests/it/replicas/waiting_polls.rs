//! Polls that wait for the decision (RFC 7240 §4.3, `Prefer: wait=N`).

use std::time::Duration;

use latchkey::config::Coherence;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::device::{DEVICE_GRANT, send};
use crate::support::patience::in_time;
use crate::support::{Answer, Device, Started, TestServer, until};

async fn wait(device: &Device, started: &Started, seconds: &str) -> Answer {
    let form = [
        ("grant_type", DEVICE_GRANT),
        ("client_id", device.client_id.as_str()),
        ("device_code", started.device_code.as_str()),
    ];
    let preference = format!("wait={seconds}");
    send(device.request("/oauth/token").header("prefer", preference).form(&form)).await
}

/// Lets every poll that was sent come to wait.
async fn parked(server: &TestServer, polls: usize) {
    until("the polls wait", async || server.app.waiting_polls.len() >= polls).await;
}

#[tokio::test]
async fn an_approval_on_one_server_wakes_polls_on_others() {
    let first = TestServer::hearing().await;
    let (second, third) = (first.replica().await, first.replica().await);
    let (tv, ada) = (first.tv().await, first.ada().await);
    let started = tv.start("openid").await;
    let (at_second, at_third) = (tv.at(&second.base), tv.at(&third.base));
    let (approved, second_answer, third_answer) = tokio::join!(
        async {
            parked(&second, 1).await;
            parked(&third, 1).await;
            ada.approve(&started.user_code).await
        },
        wait(&at_second, &started, "60"),
        async {
            // Sooner it might be too early: the second server writes down that it was polled.
            parked(&second, 1).await;
            first.clock.advance(10.0);
            wait(&at_third, &started, "60").await
        },
    );
    assert_eq!(approved.status, 200);
    let answers = [second_answer, third_answer];
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.error() == "invalid_grant").count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.header("preference-applied") == "wait=60"));
}

#[tokio::test]
async fn a_denial_wakes_them_too() {
    let server = TestServer::hearing().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let (_, answer) = tokio::join!(
        async {
            parked(&server, 1).await;
            ada.deny(&started.user_code).await
        },
        wait(&tv, &started, "60"),
    );
    answer.must_be_error("access_denied");
}

#[tokio::test]
async fn when_nobody_decides_the_answer_is_pending_as_usual() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let answer = wait(&tv, &started, "1").await;
    answer.must_be_error("authorization_pending");
    assert_eq!(answer.header("preference-applied"), "wait=1");
}

#[tokio::test]
async fn a_poll_that_comes_too_early_does_not_wait() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    wait(&tv, &started, "60").await.must_be_error("slow_down");
}

#[tokio::test]
async fn over_the_bound_a_poll_is_answered_at_once() {
    let server = TestServer::with(|config| {
        config.sessions.coherence = Coherence::Notify;
        config.sessions.max_waiting_polls_per_client = 0;
    })
    .await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let answer = wait(&tv, &started, "60").await;
    answer.must_be_error("authorization_pending");
    assert_eq!(answer.header("preference-applied"), "");
}

#[tokio::test]
async fn one_address_does_not_take_the_places_of_another() {
    let server = TestServer::with(|config| {
        config.sessions.coherence = Coherence::Notify;
        config.sessions.max_waiting_polls_per_address = 1;
        config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
    .await;
    until("the server hears others", async || server.app.sessions.is_trusted()).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (first, second, third) =
        (tv.start("openid").await, tv.start("openid").await, tv.start("openid").await);
    let wait_from = |address: &'static str, started: &Started| {
        let form = [
            ("grant_type", DEVICE_GRANT),
            ("client_id", tv.client_id.as_str()),
            ("device_code", started.device_code.as_str()),
        ];
        let request = tv.request("/oauth/token").header("prefer", "wait=60");
        send(request.header("x-forwarded-for", address).form(&form))
    };
    let ((), one, other) = tokio::join!(
        async {
            parked(&server, 2).await;
            let refused = wait_from("2001:db8::2", &second).await;
            refused.must_be_error("authorization_pending");
            assert_eq!(refused.header("preference-applied"), "");
            ada.deny(&first.user_code).await;
            ada.deny(&third.user_code).await;
        },
        wait_from("2001:db8::1", &first),
        wait_from("2001:db8:0:1::1", &third),
    );
    for answer in [one, other] {
        answer.must_be_error("access_denied");
        assert_eq!(answer.header("preference-applied"), "wait=60");
    }
}

#[tokio::test]
async fn a_stopping_server_lets_nobody_wait() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let ((), answer) = tokio::join!(
        async {
            parked(&server, 1).await;
            server.stop();
        },
        wait(&tv, &started, "60"),
    );
    answer.must_be_error("authorization_pending");
}

#[tokio::test]
async fn a_device_that_hangs_up_gives_its_place_back() {
    let server = TestServer::hearing().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    tokio::select! {
        _ = wait(&tv, &started, "60") => panic!("nobody has decided"),
        () = parked(&server, 1) => {}
    }
    until("the place is free again", async || server.app.waiting_polls.is_empty()).await;
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

#[tokio::test]
async fn a_device_that_closes_its_side_has_given_up_whether_its_request_waits_or_not() {
    let server = TestServer::hearing().await;
    let started = server.tv().await.start("openid").await;
    let body = format!("client_id=tv&grant_type={DEVICE_GRANT}&device_code={}", started.device_code);
    let head = format!("POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n{FORM}");
    let mut waiting = sent(&server, &head, &body).await;
    parked(&server, 1).await;
    waiting.shutdown().await.expect("it can still read");
    until("the place is free again", async || server.app.waiting_polls.is_empty()).await;
    // A request that takes its time at a distant database.
    let (link, distant) = TestServer::behind_a_link(|_| ()).await;
    distant.tv().await;
    link.delay(Duration::from_secs(1));
    let head = format!("POST /oauth/device-authorization HTTP/1.1\r\nHost: localhost\r\n{FORM}");
    let mut other = sent(&distant, &head, "client_id=tv&scope=openid").await;
    other.shutdown().await.expect("it can still read");
    // An answer might be for nobody: whoever goes away closes its side first.
    for connection in [&mut waiting, &mut other] {
        let mut answer = Vec::new();
        let read = in_time("the connection is closed", connection.read_to_end(&mut answer)).await;
        assert!(answer.is_empty(), "{read:?}: {}", String::from_utf8_lossy(&answer));
    }
}

/// A request on a connection of its own, which is kept.
async fn sent(server: &TestServer, head: &str, body: &str) -> TcpStream {
    let address = server.base.trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).await.expect("the server accepts");
    let length = body.len();
    let request = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    connection.write_all(request.as_bytes()).await.expect("the request is sent");
    connection
}

#[tokio::test]
async fn a_connection_on_which_a_poll_has_waited_is_as_good_as_before() {
    let server = TestServer::hearing().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let live = "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for (version, connection, is_kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
    ] {
        let started = tv.start("openid").await;
        let head = format!(
            "POST /oauth/token HTTP/{version}\r\nHost: localhost\r\nPrefer: wait=60\r\n{connection}\
             Content-Type: application/x-www-form-urlencoded\r\n"
        );
        let body = format!(
            "client_id=tv&grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code={}",
            started.device_code
        );
        let mut waiting = sent(&server, &head, &body).await;
        parked(&server, 1).await;
        if is_kept {
            // The next request is sent while the first one waits.
            waiting.write_all(live.as_bytes()).await.expect("the next request is sent");
        }
        ada.deny(&started.user_code).await;
        let mut answer = String::new();
        let reading = waiting.read_to_string(&mut answer);
        in_time("the server closes", reading).await.expect("the answers are text");
        assert!(answer.contains("access_denied"), "{version} {connection}: {answer}");
        assert!(answer.contains("preference-applied: wait=60\r\n"), "{answer}");
        assert!(answer.contains("access-control-allow-origin: *\r\n"), "{answer}");
        assert!(answer.contains("x-request-id: "), "{answer}");
        let answers = answer.matches("HTTP/1.").count();
        assert_eq!(answers, 1 + usize::from(is_kept), "{version} {connection}: {answer}");
    }
}
