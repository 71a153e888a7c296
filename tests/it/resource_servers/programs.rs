//! Verifiers that are programs of their own, with their libraries as their package managers bring them.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{API, Case, SCOPE};
use crate::support::programs::{PATIENCE, folder, java_program, python_environment, run};

/// Where the programs are.
pub const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/resource_servers");

/// A program that reads tokens, one a line, and says of each whether it takes it.
pub struct Program(Vec<OsString>);

impl Program {
    /// What it says of each token.
    pub async fn judge(&self, issuer: &str, cases: &[Case]) -> Vec<String> {
        let mut command = Command::new(&self.0[0]);
        command.args(&self.0[1..]).args([issuer, API, SCOPE]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let mut input = child.stdin.take().expect("standard input");
        let lines = cases.iter().map(|case| case.token.as_str()).collect::<Vec<_>>().join("\n");
        let writing = async move { input.write_all(lines.as_bytes()).await };
        let both = async { tokio::join!(writing, child.wait_with_output()) };
        let (written, output) = tokio::time::timeout(PATIENCE, both).await.expect("the program ends in time");
        let output = output.expect("its output");
        assert!(output.status.success() && written.is_ok(), "{output:?}");
        String::from_utf8(output.stdout).expect("text").lines().map(ToOwned::to_owned).collect()
    }
}

/// The verifier in JavaScript; none where there is no Node.js or no network to get its library from.
pub async fn javascript() -> Option<Program> {
    let files = ["package.json", "package-lock.json", "verifier.mjs", "verify_lines.mjs"];
    let folder = folder("resource_servers_javascript", Path::new(SOURCES), &files);
    run("Node.js", Command::new("node").arg("--version")).await?;
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    run("npm", &mut install).await?;
    Some(Program(vec!["node".into(), folder.join("verify_lines.mjs").into()]))
}

/// The verifier in Python; none where there is no Python or no network to get its libraries from.
pub async fn python() -> Option<Program> {
    let files = ["requirements.txt", "verifier.py", "verify_lines.py"];
    let folder = folder("resource_servers_python", Path::new(SOURCES), &files);
    let programs = python_environment(&folder).await?;
    Some(Program(vec![programs.join("python").into(), folder.join("verify_lines.py").into()]))
}

/// The verifier in Java; none where there is no Maven or no network to get its libraries from.
pub async fn java() -> Option<Program> {
    let mut java = java_program("resource_servers_java", Path::new(SOURCES)).await?;
    let command = java.arg("VerifyLines").as_std();
    Some(Program([command.get_program()].into_iter().chain(command.get_args()).map(Into::into).collect()))
}
