//! `latchkey serve`

use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use super::process::{DataDir, latchkey, refusal, run_json};
use crate::support::plain;

#[tokio::test]
async fn a_signal_ends_server_and_database_cleanly() {
    let data = DataDir::new();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let server = data.serve();
        let ready =
            plain::client().get(format!("{}/health/ready", server.base)).send().await.expect("an answer");
        assert_eq!(ready.status(), 200);
        let (status, log) = server.stop(signal);
        assert!(status.success(), "{status}: {log:#?}");
        assert!(log.iter().any(|line| line.contains("row-level security enabled")), "{log:#?}");
        assert!(data.postmaster().is_none(), "the database stops with the server");
    }
    let mode = std::fs::metadata(data.path().join("master.key")).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_server_whose_terminal_closes_ends_with_its_database() {
    let data = DataDir::with_cluster();
    let status = data.serve_until_the_terminal_closes();
    assert!(status.success(), "{status}");
    assert!(data.postmaster().is_none(), "the database stops with the server");
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let data = DataDir::with_cluster();
    let _first = data.serve();
    let mut second = data.latchkey(&["serve"]);
    second.env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0");
    let said = refusal(second);
    let path = data.path().to_str().expect("text");
    assert!(said.contains(path) && said.contains("is in use by another Latchkey"), "{said}");
}

#[test]
fn a_taken_address_is_named() {
    let (first, second) = (DataDir::with_cluster(), DataDir::new());
    let running = first.serve();
    let address = running.base.trim_start_matches("http://").to_owned();
    let mut late = second.latchkey(&["serve"]);
    late.env("LATCHKEY__SERVER__LISTEN", &address);
    let said = refusal(late);
    assert!(said.contains(&address) && said.contains("LATCHKEY__SERVER__LISTEN"), "{said}");
    assert!(!second.path().exists(), "nothing else is started before");
}

#[test]
fn its_health_is_told_by_the_exit_code() {
    let data = DataDir::with_cluster();
    let server = data.serve();
    let address = server.base.trim_start_matches("http://").to_owned();
    let health = || {
        let mut command = latchkey(&["health"]);
        command.env("LATCHKEY__SERVER__LISTEN", &address);
        command
    };
    assert_eq!(run_json(health())["status"], "ready");
    let live = latchkey(&["health", "--url", &format!("{}/health/live", server.base)]);
    assert_eq!(run_json(live)["status"], "live");
    server.kill();
    assert!(refusal(health()).contains("no response from"));
}

#[test]
fn another_master_key_than_the_databases_is_refused() {
    let data = DataDir::with_cluster();
    data.serve().kill();
    let mut serve = data.latchkey(&["serve"]);
    serve.env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0");
    serve.env("LATCHKEY__SECRETS__MASTER_KEY", "0f".repeat(32));
    let said = refusal(serve);
    assert!(said.contains("encrypted with a different master key"), "{said}");
}
