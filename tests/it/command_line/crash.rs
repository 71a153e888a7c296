//! The server is killed between any two steps of the flow: what it has answered holds after the restart.

use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use super::process::{DataDir, Served, SharedDatabase, json_of, run_json, run_with_line};
use crate::support::device::Proof;
use crate::support::{Device, Person, plain};

const PASSWORD: &str = "correct horse battery staple";

/// A server that was restarted has another port, but the same address for the public.
const PUBLIC_URL: (&str, &str) = ("LATCHKEY__SERVER__PUBLIC_URL", "http://login.localhost");

fn restart(data: &DataDir, server: Served) -> Served {
    server.kill();
    data.serve_with(&[PUBLIC_URL])
}

/// A device of the server, and the person who has an account.
fn make_tv_and_ada(latchkey: impl Fn(&[&str]) -> Command, server: &Served) -> (Device, Person) {
    let create_user = latchkey(&["admin", "create-user", "ada", "--password-stdin", "--json"]);
    json_of(&run_with_line(create_user, PASSWORD));
    let grants = ["--grant", "device_code", "--grant", "refresh_token", "--scope", "openid offline_access"];
    run_json(latchkey(&[&["admin", "create-client", "--id", "tv", "--json"], &grants[..]].concat()));
    let tv = Device::new(plain::client(), &server.base, "tv", Proof::None);
    (tv, Person::new(&server.base, "ada", PASSWORD))
}

async fn published_keys(server: &Served) -> Value {
    let answer = plain::client().get(format!("{}/oauth/jwks", server.base)).send().await.expect("an answer");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_killed_server_has_lost_no_start_no_approval_and_no_token() {
    let data = DataDir::with_cluster();
    let mut server = data.serve_with(&[PUBLIC_URL]);
    let (tv, mut ada) = make_tv_and_ada(|arguments| data.latchkey(arguments), &server);
    let keys = published_keys(&server).await;

    let started = tv.start("openid offline_access").await;
    server = restart(&data, server);

    // Signed in, the code open, not yet decided: the browser's session holds too.
    ada.base.clone_from(&server.base);
    ada.open(&started.user_code).await;
    server = restart(&data, server);

    ada.base.clone_from(&server.base);
    let consent = ada.visit("/device/consent").await;
    let decided = ada.decide(&consent, "approve").await;
    assert!(decided.says("Your device is connected"), "{decided:?}");
    server = restart(&data, server);

    let tokens = tv.at(&server.base).poll(&started).await;
    tokens.must_be_tokens();
    assert_eq!(published_keys(&server).await, keys, "the token's key is the same");
    server = restart(&data, server);

    let refreshed = tv.at(&server.base).refresh(&tokens.string("refresh_token")).await;
    refreshed.must_be_tokens();
    server = restart(&data, server);

    let again = tv.at(&server.base).refresh(&refreshed.string("refresh_token")).await;
    again.must_be_tokens();
}

/// Polls are never written while the servers run, so that whatever is not written at once dies with the first.
const NEVER_WRITTEN: (&str, &str) = ("LATCHKEY__SESSIONS__BOOKKEEPING_ROWS_PER_SECOND", "0");

#[tokio::test]
async fn of_two_servers_the_killed_one_takes_nothing_along_but_what_it_knew_of_polls() {
    let database = SharedDatabase::new().await;
    let (first, second) = (database.serve_with(&[NEVER_WRITTEN]), database.serve_with(&[NEVER_WRITTEN]));
    let (tv, mut ada) = make_tv_and_ada(|arguments| database.latchkey(arguments), &first);
    let at_second = tv.at(&second.base);

    let waiting = tv.start("openid offline_access").await;
    let approved = tv.start("openid offline_access").await;
    let redeemed = tv.start("openid offline_access").await;
    ada.approve(&redeemed.user_code).await;
    let tokens = tv.poll(&redeemed).await;
    tokens.must_be_tokens();
    ada.approve(&approved.user_code).await;
    tv.poll(&waiting).await.must_be_error("authorization_pending");
    tv.poll(&waiting).await.must_be_error("slow_down");
    first.kill();

    at_second.poll(&waiting).await.must_be_error("authorization_pending");
    at_second.poll(&approved).await.must_be_tokens();
    at_second.poll(&redeemed).await.must_be_error("invalid_grant");
    at_second.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    ada.base.clone_from(&second.base);
    ada.approve(&waiting.user_code).await;
    at_second.poll(&waiting).await.must_be_tokens();

    let (status, log) = second.stop(Signal::TERM);
    assert!(status.success(), "{status}: {log:#?}");
    // The raised interval was to be written with the polls; of three polls the last server's own is known.
    let polled = database.row::<(i32, i64)>(
        "SELECT max(interval_seconds), sum(poll_count)::bigint FROM device_authorizations WHERE poll_count > 0",
    );
    assert_eq!(polled.await, (5, 1));
    let devices = database.row::<(i64,)>("SELECT count(*) FROM devices");
    assert_eq!(devices.await, (3,));
    let events = "SELECT count(*) FROM audit_events WHERE action = 'device_authorization.redeemed'";
    assert_eq!(database.row::<(i64,)>(events).await, (3,));
}
