//! The requests of the documents, sent by curl as they stand there. Skipped, which is said, where curl or jq is missing.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{Block, page};
use crate::support::patience::in_time;
use crate::support::server::TestServer;

/// Where the documents have the server.
const DOCUMENTED: &str = "http://127.0.0.1:8628";

/// Members whose values differ from one response to the next.
const VARYING: [&str; 16] = [
    "access_token",
    "auth_time",
    "device_code",
    "device_id",
    "exp",
    "iat",
    "id_token",
    "jti",
    "kid",
    "n",
    "refresh_token",
    "sub",
    "user_code",
    "verification_uri_complete",
    "x",
    "y",
];

/// A shell that keeps its variables from one block to the next.
struct Shell {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Shell {
    /// A shell in which a response with an error of HTTP fails the block, if `strict`.
    async fn start(strict: bool) -> Option<Self> {
        for program in ["curl", "jq"] {
            if std::process::Command::new(program).arg("--version").output().is_err() {
                eprintln!("skipped: no {program}");
                return None;
            }
        }
        let mut command = Command::new("sh");
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("a shell");
        let input = child.stdin.take().expect("standard input");
        let output = BufReader::new(child.stdout.take().expect("standard output")).lines();
        let mut shell = Self { input, output, _child: child };
        let fail = if strict { "--fail-with-body" } else { "" };
        shell.run(&format!("set -e; curl() {{ command curl --noproxy '*' -sS {fail} \"$@\"; }}")).await;
        Some(shell)
    }

    /// Runs a block; what it has printed.
    async fn run(&mut self, text: &str) -> String {
        self.input
            .write_all(format!("{text}\necho; echo end-of-block\n").as_bytes())
            .await
            .expect("it reads");
        let mut printed = String::new();
        loop {
            let line = in_time("the block ends", self.output.next_line()).await.expect("text");
            match line.as_deref() {
                Some("end-of-block") => return printed,
                Some(line) => {
                    printed.push_str(line);
                    printed.push('\n');
                }
                None => panic!("{text}\nfailed: {printed}"),
            }
        }
    }
}

/// Whether a response is as documented; values that vary need the same type only.
fn must_be_like(documented: &Value, response: &Value, at: &str) {
    match (documented, response) {
        (Value::Object(members), Value::Object(others)) => {
            let names = |map: &serde_json::Map<String, Value>| map.keys().cloned().collect::<Vec<_>>();
            let (mut expected, mut found) = (names(members), names(others));
            expected.sort();
            found.sort();
            assert_eq!(expected, found, "{at}");
            for (name, member) in members {
                must_be_like(member, &others[name], &format!("{at}.{name}"));
            }
        }
        (Value::Array(items), Value::Array(others)) => {
            assert_eq!(items.len(), others.len(), "{at}");
            for (item, other) in items.iter().zip(others) {
                must_be_like(item, other, at);
            }
        }
        _ if VARYING.iter().any(|name| at.ends_with(&format!(".{name}"))) => {
            assert_eq!(documented.is_string(), response.is_string(), "{at}");
        }
        _ => assert_eq!(documented, response, "{at}"),
    }
}

#[tokio::test]
async fn the_tutorial_gets_the_responses_that_it_shows() {
    let server = TestServer::start().await;
    let (_, ada) = (server.tv().await, server.ada().await);
    let Some(mut shell) = Shell::start(false).await else { return };
    let blocks = page("tutorial.md").blocks();
    let requests = blocks.iter().filter(|block| block.language == "sh");
    let requests: Vec<&Block> =
        requests.filter(|block| block.text.contains("curl") || block.text.contains("jq")).collect();
    assert!(requests.len() >= 6, "{requests:#?}");
    let mut compared = 0;
    for block in requests {
        if block.text.starts_with("TOKENS=") {
            let code = shell.run("echo \"$CODES\" | jq -r .user_code").await;
            ada.approve(code.trim()).await;
        }
        let printed = shell.run(&block.text.replace(DOCUMENTED, &server.base)).await;
        let next = blocks.iter().find(|next| next.line > block.line).filter(|next| next.language == "json");
        if let Some(next) = next {
            let documented =
                serde_json::from_str(&next.text.replace(DOCUMENTED, &server.base)).expect("JSON");
            let response =
                serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
            must_be_like(&documented, &response, &format!("line {}", next.line));
            compared += 1;
        }
    }
    let shown = blocks.iter().filter(|block| block.language == "json").count();
    assert_eq!(compared, shown, "every JSON follows its request");
}

#[tokio::test]
async fn json_is_shown_in_the_tutorial_only() {
    for page in super::pages().iter().filter(|page| page.path != "docs/tutorial.md") {
        let json = page.blocks().into_iter().filter(|block| block.language == "json").count();
        assert_eq!(json, 0, "{}: nothing compares it", page.path);
    }
}

#[tokio::test]
async fn the_requests_for_devices_and_consent_succeed() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let app = server.public_client("app", "openid offline_access devices device:approve").await;
    let tv = server.tv().await;
    let Some(mut shell) = Shell::start(true).await else { return };
    let token =
        app.connect(&ada, "openid offline_access devices device:approve").await.string("access_token");
    tv.connect(&ada, "openid").await;
    shell.run(&format!("TOKEN='{token}'; BASE='{}'", server.base)).await;
    shell.run("ID=$(curl -H \"Authorization: Bearer $TOKEN\" \"$BASE/devices\" | jq -r 'map(select(.current | not))[0].id')").await;
    let waiting = tv.start("openid profile offline_access").await;
    for name in ["devices-api.md", "consent.md"] {
        let page = page(name);
        let blocks: Vec<_> = page.shell().filter(|block| block.text.contains("curl")).collect();
        assert!(!blocks.is_empty(), "{name}");
        for block in blocks {
            let text = block.text.replace(DOCUMENTED, &server.base).replace("BDJW-DSXQ", &waiting.user_code);
            shell.run(&text).await;
        }
    }
    tv.poll(&waiting).await.must_be_tokens();
}
