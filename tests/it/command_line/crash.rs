//! The server is killed between any two steps of the flow: what it has answered holds after the restart.

use serde_json::Value;

use super::process::{DataDir, Served, json_of, run_json, run_with_line};
use crate::support::device::Proof;
use crate::support::{Device, Person};

const PASSWORD: &str = "correct horse battery staple";

/// A server that was restarted has another port, but the same address for the public.
const PUBLIC_URL: (&str, &str) = ("LATCHKEY__SERVER__PUBLIC_URL", "http://login.localhost");

fn restart(data: &DataDir, server: Served) -> Served {
    server.kill();
    data.serve_with(&[PUBLIC_URL])
}

async fn published_keys(server: &Served) -> Value {
    let answer = reqwest::get(format!("{}/oauth/jwks", server.base)).await.expect("an answer");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_killed_server_has_lost_no_start_no_approval_and_no_token() {
    let data = DataDir::new();
    let mut server = data.serve_with(&[PUBLIC_URL]);
    let create_user = data.latchkey(&["admin", "create-user", "ada", "--password-stdin", "--json"]);
    json_of(&run_with_line(create_user, PASSWORD));
    let grants = ["--grant", "device_code", "--grant", "refresh_token", "--scope", "openid offline_access"];
    run_json(data.latchkey(&[&["admin", "create-client", "--id", "tv", "--json"], &grants[..]].concat()));
    let tv = Device::new(reqwest::Client::new(), &server.base, "tv", Proof::None);
    let mut ada = Person::new(&server.base, "ada", PASSWORD);
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
