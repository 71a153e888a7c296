//! A Python client made from the document by `openapi-generator` signs in. Needs Python and Java; where one of them
//! or the network is missing, the test says so and is skipped.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::support::TestServer;
use crate::support::programs::{PATIENCE, folder, python_environment, run};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/openapi_programs/generated_client");
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
const SCOPE: &str = "openid offline_access";

/// The program that signs in, and the Python that has what it needs.
async fn program() -> Option<(PathBuf, PathBuf)> {
    run("Java", Command::new("java").arg("-version")).await?;
    let folder = folder("openapi_generated_client", Path::new(SOURCES), &["requirements.txt", "login.py"]);
    let programs = python_environment(&folder).await?;
    let mut generate = Command::new(programs.join("openapi-generator-cli"));
    generate.args(["generate", "--generator-name", "python", "--package-name", "latchkey_client"]);
    // What was generated before, from another document, must not stay.
    let generated = folder.join("generated");
    let _ = std::fs::remove_dir_all(&generated);
    generate.arg("--input-spec").arg(DOCUMENT).arg("--output").arg(&generated);
    run("openapi-generator", &mut generate).await?;
    let python = programs.join("python");
    run("the compiler of Python", Command::new(&python).args(["-m", "compileall", "-q"]).arg(&generated))
        .await?;
    Some((python, folder))
}

#[tokio::test]
async fn a_client_generated_from_the_document_signs_in() {
    let Some((python, folder)) = program().await else { return };
    let server = TestServer::start().await;
    let device = server.public_client("tv", SCOPE).await;
    let ada = server.ada().await;
    let mut login = Command::new(python)
        .arg(folder.join("login.py"))
        .args([&server.base, &device.client_id, SCOPE])
        .env("PYTHONPATH", folder.join("generated"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python runs");
    let mut input = login.stdin.take().expect("its input");
    let mut lines = BufReader::new(login.stdout.take().expect("its output")).lines();
    let user_code = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("text");
    ada.approve(&user_code.expect("a user code")).await;
    input.write_all(b"approved\n").await.expect("it listens");
    let tokens = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("in time").expect("text");
    let tokens: Value = serde_json::from_str(&tokens.expect("the tokens")).expect("JSON");
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "offline_access openid");
    assert!(tokens["refresh_token"].is_string() && tokens["id_token"].is_string(), "{tokens}");
    assert!(login.wait().await.expect("it ends").success());
}
