//! A stop while the database does not answer.

use latchkey::config::Coherence;
use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::database_takes_connections;
use crate::command_line::process::SharedDatabase;
use crate::support::{Link, TestServer, plain, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_gives_up_what_a_dark_database_keeps_and_says_so() {
    let database = SharedDatabase::new().await;
    let options = database.url().as_str().parse().expect("a database's URL");
    let (link, over) = Link::to_database(&options).await;
    let url = sqlx::ConnectOptions::to_url_lossy(&over);
    let environment = [
        ("LATCHKEY__DATABASE__URL", url.as_str()),
        ("LATCHKEY__DATABASE__ACQUIRE_TIMEOUT_MILLISECONDS", "60000"),
        ("LATCHKEY__SERVER__REQUEST_TIMEOUT_SECONDS", "120"),
        ("LATCHKEY__SERVER__SHUTDOWN_GRACE_SECONDS", "1"),
    ];
    let served = database.serve_with(&environment);
    link.go_dark();
    let address = served.base.trim_start_matches("http://").to_owned();
    let mut asking = TcpStream::connect(&address).await.expect("the server accepts");
    asking.write_all(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("it is sent");
    // The stop finds the request under way.
    until("the request is read", async || {
        let live = plain::client().get(format!("http://{address}/health/live")).send().await;
        live.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    let (status, log) =
        tokio::task::spawn_blocking(move || served.stop(Signal::TERM)).await.expect("it ends");
    assert_eq!(status.code(), Some(3), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("shutdown grace period ended")), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("stopped before everything was finished")), "{log:#?}");
}

#[tokio::test]
async fn a_stop_without_a_database_says_that_polls_were_not_written() {
    let server = TestServer::with(|config| {
        config.sessions.coherence = Coherence::Notify;
        config.sessions.bookkeeping_rows_per_second = 0;
        config.database.acquire_timeout_milliseconds = 200;
    })
    .await;
    let tv = server.tv().await;
    tv.poll(&tv.start("openid").await).await.must_be_error("authorization_pending");
    assert!(!server.app.has_left_something_unwritten());
    database_takes_connections(&server, false).await;
    server.stop();
    until("it is noted", async || server.app.has_left_something_unwritten()).await;
}
