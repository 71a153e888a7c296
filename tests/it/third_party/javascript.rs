//! Client libraries for JavaScript complete the flow as they are: the scripts of `javascript/`, run by Node.js.
//!
//! The libraries are installed below `target` from the committed lock file. Where Node.js 20 or the package registry
//! is missing, these tests say so and are skipped; `LATCHKEY_TEST_JAVASCRIPT=required` has them fail instead.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use latchkey::model::client::{AuthMethod, ClientKeys};
use latchkey::model::signing_key::SigningAlgorithm;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::journeys::every_ending;
use super::{Library, Program};
use crate::support::TestServer;
use crate::support::patience::in_time;
use crate::support::signer::ClientKey;

const SCOPE: &str = "openid offline_access";

pub(super) const LIBRARIES: &[Library] = &[
    Library::new("openid-client", AuthMethod::None),
    Library::new("openid-client", AuthMethod::ClientSecretBasic),
    Library::new("openid-client", AuthMethod::ClientSecretBasic).set_to("default"),
];

/// Where scripts and libraries are, ready to run, or why they are not.
static SCRIPTS: LazyLock<Result<PathBuf, String>> = LazyLock::new(install);

fn install() -> Result<PathBuf, String> {
    let version = output(Command::new("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 20) {
        return Err(format!("Node.js 20 or newer is needed, and this is {}", version.trim()));
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/third_party/javascript");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("third-party-javascript");
    std::fs::create_dir_all(&target).map_err(|error| error.to_string())?;
    // Scripts find libraries beside themselves, and nothing is to be installed into the source tree.
    for entry in std::fs::read_dir(source).map_err(|error| error.to_string())? {
        let file = entry.map_err(|error| error.to_string())?;
        std::fs::copy(file.path(), target.join(file.file_name())).map_err(|error| error.to_string())?;
    }
    let lock = std::fs::read(target.join("package-lock.json")).map_err(|error| error.to_string())?;
    let installed = target.join("installed-lock.json");
    if std::fs::read(&installed).is_ok_and(|before| before == lock) {
        return Ok(target);
    }
    output(
        Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&target),
    )?;
    std::fs::write(installed, lock).map_err(|error| error.to_string())?;
    Ok(target)
}

/// What a program says, or why it failed.
fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        Err(format!("{program} failed: {}", String::from_utf8_lossy(&done.stderr)))
    }
}

/// The folder of the scripts, or `None` where they cannot run, which is said aloud.
fn scripts() -> Option<&'static Path> {
    match &*SCRIPTS {
        Ok(folder) => Some(folder),
        Err(reason) => {
            assert!(!is_required(), "{reason}");
            // Past the capture of the test harness, which would hide that nothing was tested.
            let _ = writeln!(std::io::stderr(), "SKIPPED, the JavaScript clients were not tested: {reason}");
            None
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this variable is the tests' own setting")]
fn is_required() -> bool {
    std::env::var("LATCHKEY_TEST_JAVASCRIPT").is_ok_and(|value| value == "required")
}

pub(super) fn clients() -> Option<Program> {
    let mut node = tokio::process::Command::new("node");
    Some(Program::start(node.arg("clients.mjs").current_dir(scripts()?)))
}

/// Runs a script to its end, telling it `told` and approving what it asks for; what it got.
async fn run(folder: &Path, script: &str, server: &TestServer, told: Value) -> Value {
    let mut node = tokio::process::Command::new("node")
        .arg(script)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Node.js runs");
    let ada = server.ada().await;
    let mut input = node.stdin.take().expect("its input");
    let mut lines = BufReader::new(node.stdout.take().expect("its output")).lines();
    let mut got = Value::Null;
    input.write_all(format!("{told}\n").as_bytes()).await.expect("it listens");
    while let Some(line) = in_time("the script says something", lines.next_line()).await.expect("text") {
        let said: Value = serde_json::from_str(&line).expect("a line of JSON");
        if let Some(user_code) = said["user_code"].as_str() {
            server.clock.catch_up();
            ada.approve(user_code).await;
            input.write_all(b"approved\n").await.expect("it listens");
        } else {
            got = said["got"].clone();
        }
    }
    let ended = in_time("the script ends", node.wait_with_output()).await.expect("it ends");
    assert!(ended.status.success(), "{script}: {}", String::from_utf8_lossy(&ended.stderr));
    got
}

/// A client that signs completes the flow with this script.
async fn completes_by_private_key(script: &str) {
    let Some(folder) = scripts() else { return };
    // The libraries wait out the interval by their own clock.
    let server = TestServer::with(|config| config.device_flow.poll_interval_seconds = 1).await;
    let key = ClientKey::generate(SigningAlgorithm::Es256);
    server
        .client("robot", SCOPE, |client| {
            client.auth_method = AuthMethod::PrivateKeyJwt;
            client.keys = Some(ClientKeys::Registered(key.jwks().into()));
        })
        .await;
    let told = json!({
        "issuer": server.base,
        "client_id": "robot",
        "scope": SCOPE,
        "kid": key.public_jwk["kid"],
        "private_key": STANDARD.encode(&key.private_der),
    });
    let got = run(folder, script, &server, told).await;
    assert_eq!(got["scope"], "offline_access openid");
}

#[tokio::test]
async fn oauth4webapi_completes_the_flow_with_private_key_jwt() {
    completes_by_private_key("oauth4webapi_private_key_jwt.mjs").await;
}

#[tokio::test]
async fn openid_client_completes_the_flow_with_private_key_jwt() {
    completes_by_private_key("openid_client_private_key_jwt.mjs").await;
}

#[tokio::test]
async fn openid_client_and_oauth4webapi_complete_the_flow_with_dpop() {
    let Some(folder) = scripts() else { return };
    let server = TestServer::with(|config| {
        config.device_flow.poll_interval_seconds = 1;
        config.dpop.require_nonce = true;
    })
    .await;
    server.public_client("tv", SCOPE).await;
    let told = json!({"issuer": server.base, "client_id": "tv", "scope": SCOPE, "algorithm": "Ed25519"});
    assert_eq!(run(folder, "dpop.mjs", &server, told).await["flows"], 2);
}

#[tokio::test]
async fn libraries_for_javascript_handle_every_ending_of_the_flow() {
    let Some(program) = clients() else { return };
    every_ending(&program, LIBRARIES).await;
}
