//! What a server logs of requests, refused clients and failed sign-ins.

use rustix::process::Signal;
use serde_json::Value;

use super::process::{DataDir, Served, SharedDatabase, latchkey, run};
use crate::support::{Person, plain};

const SECRET: &str = "s3cret-that-nobody-may-read";

/// Stops the server; the lines it has logged with this message, and the whole log as text.
fn logged(server: Served, message: &str) -> (Vec<Value>, String) {
    let (_, log) = server.stop(Signal::TERM);
    let lines = log.iter().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
    (lines.filter(|line| line["fields"]["message"] == message).collect(), log.join("\n"))
}

#[tokio::test]
async fn each_request_has_one_log_line_that_says_who_asked_and_how_it_ended() {
    let data = DataDir::with_cluster();
    let server = data.serve();
    let http = plain::client();
    let ask =
        http.post(format!("{}/oauth/device-authorization", server.base)).form(&[("client_id", "nobody")]);
    let refused = ask.send().await.expect("an answer");
    let request_id = refused.headers()["x-request-id"].to_str().expect("text").to_owned();
    for path in ["/oauth/jwks", "/devices/BDJW-DSXQ", "/t/acme/health/live"] {
        http.get(format!("{}{path}", server.base)).send().await.expect("an answer");
    }
    let (lines, log) = logged(server, "request completed");
    let fields: Vec<_> = lines.iter().map(|line| &line["fields"]).collect();
    let found = |path: &str| {
        let of_path: Vec<_> = fields.iter().filter(|fields| fields["path"] == path).collect();
        assert_eq!(of_path.len(), 1, "{path}: {log}");
        (*of_path[0]).clone()
    };
    let refused = found("/oauth/device-authorization");
    for (name, expected) in [
        ("method", "POST"),
        ("client_id", "nobody"),
        ("tenant", ""),
        ("error", "invalid_client"),
        ("peer", "127.0.0.1"),
        ("request_id", &request_id),
    ] {
        assert_eq!(refused[name], expected, "{refused}");
    }
    assert!(refused["status"].as_u64().is_some_and(|status| status >= 400), "{refused}");
    assert!(refused["duration_ms"].is_number(), "{refused}");
    assert_eq!(found("/oauth/jwks")["status"], 200);
    assert_eq!(found("/t/acme/health/live")["tenant"], "acme");
    assert!(!log.contains("BDJW"), "a user code is in the log: {log}");
}

#[tokio::test]
async fn a_damaged_row_is_answered_with_500_and_named_in_the_log_without_its_value() {
    let database = SharedDatabase::new().await;
    let created = run(database.latchkey(&["admin", "create-client", "--id", "tv", "--grant", "device_code"]));
    assert!(created.status.success(), "{created:?}");
    database
        .execute(
            "ALTER TABLE clients DROP CONSTRAINT clients_scope_policy, DROP CONSTRAINT clients_inherit_is_first_party;
             UPDATE clients SET scope_policy = 's3cret-that-nobody-may-read' WHERE client_id = 'tv'",
        )
        .await;
    let server = database.serve_with(&[]);
    let url = format!("{}/oauth/device-authorization", server.base);
    let ask = reqwest::Client::new().post(url).header("host", "login.localhost");
    let answer = ask.form(&[("client_id", "tv")]).send().await.expect("an answer");
    assert_eq!(answer.status(), 500);
    let (lines, log) = logged(server, "request failed");
    assert_eq!(lines.len(), 1, "{log}");
    let cause = lines[0]["fields"]["cause"].as_str().expect("text");
    assert_eq!(cause, "impossible value in clients.scope_policy of the row tv");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn the_peer_of_a_request_that_a_trusted_proxy_passes_on_is_the_client() {
    let data = DataDir::with_cluster();
    let server = data.serve_with(&[("LATCHKEY__SERVER__TRUSTED_PROXIES", "127.0.0.1/32")]);
    let request = plain::client().get(format!("{}/oauth/jwks", server.base));
    request.header("x-forwarded-for", "203.0.113.9, 198.51.100.7").send().await.expect("an answer");
    let (lines, log) = logged(server, "request completed");
    let peers: Vec<_> = lines.iter().filter(|line| line["fields"]["path"] == "/oauth/jwks").collect();
    assert_eq!(peers.len(), 1, "{log}");
    assert_eq!(peers[0]["fields"]["peer"], "198.51.100.7", "{log}");
}

#[tokio::test]
async fn a_refused_client_is_logged_with_the_reason_and_never_with_its_secret() {
    let data = DataDir::with_cluster();
    let server = data.serve();
    let http = plain::client();
    let url = format!("{}/oauth/token", server.base);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let posted = [("client_id", "robot"), ("client_secret", SECRET)];
    let requests = [
        ("client_secret_basic", http.post(&url).basic_auth("robot", Some(SECRET)).form(&form)),
        ("client_secret_post", http.post(&url).form(&posted.iter().chain(&form).collect::<Vec<_>>())),
        ("none", http.post(&url).form(&[("client_id", "robot"), ("grant_type", "refresh_token")])),
    ];
    let mut expected = Vec::new();
    for (method, request) in requests {
        let answer = request.send().await.expect("an answer");
        expected.push((method, answer.headers()["x-request-id"].to_str().expect("text").to_owned()));
    }
    let (lines, log) = logged(server, "client refused");
    assert_eq!(lines.len(), expected.len(), "{log}");
    for (line, (method, request_id)) in lines.iter().zip(expected) {
        let fields = &line["fields"];
        assert_eq!(
            (&fields["client_id"], &fields["presented"]),
            (&"robot".into(), &method.into()),
            "{fields}"
        );
        assert_eq!((&fields["reason"], &fields["registered"]), (&"client unknown".into(), &Value::Null));
        assert_eq!(fields["request_id"], request_id.as_str());
    }
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn a_failed_sign_in_is_logged_without_what_was_typed() {
    let data = DataDir::with_cluster();
    let server = data.serve();
    let page = Person::new(&server.base, "nobody-of-this-name", SECRET).sign_in().await;
    assert!(page.status.is_client_error(), "{page:?}");
    let (lines, log) = logged(server, "sign-in failed");
    assert_eq!(lines.len(), 1, "{log}");
    assert_eq!(lines[0]["fields"]["reason"], "unknown user", "{log}");
    assert_eq!(lines[0]["fields"]["source"], "127.0.0.1", "{log}");
    assert!(!log.contains(SECRET) && !log.contains("nobody-of-this-name"), "{log}");
}

#[tokio::test]
async fn a_setting_turns_the_log_of_requests_off() {
    let data = DataDir::with_cluster();
    let server = data.serve_with(&[("LATCHKEY__LOG__REQUESTS", "false")]);
    plain::client().get(format!("{}/health/live", server.base)).send().await.expect("an answer");
    let (lines, log) = logged(server, "request completed");
    assert!(lines.is_empty(), "{log}");
}

#[test]
fn the_first_log_line_has_the_version() {
    let mut serve = latchkey(&["serve"]);
    // Nothing can listen there.
    serve
        .env("LATCHKEY__SERVER__LISTEN", "192.0.2.1:1")
        .env("LATCHKEY__SERVER__PUBLIC_URL", "https://a.example");
    let output = run(serve);
    let text = String::from_utf8(output.stderr).expect("text");
    let first = text.lines().next().unwrap_or_default();
    assert!(first.contains("starting") && first.contains(env!("CARGO_PKG_VERSION")), "{text}");
}
