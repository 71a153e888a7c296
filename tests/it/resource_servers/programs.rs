//! Verifiers that are programs of their own, with their libraries as their package managers bring them.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{API, Case, SCOPE};

/// Where the programs are.
pub const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/resource_servers");
/// Where their libraries go.
const INSTALLED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/resource_servers");
/// How long anything may take; only a test that fails anyway comes near.
const PATIENCE: Duration = Duration::from_mins(5);
/// How package managers say that there is no network, or nothing for this machine.
const NO_PACKAGES: [&str; 10] = [
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENETUNREACH",
    "ETIMEDOUT",
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "(from versions: none)",
];

/// A program that reads tokens, one a line, and says of each whether it takes it.
pub struct Program(Vec<PathBuf>);

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
    let folder = Path::new(INSTALLED).join("javascript");
    copy(&folder, &["package.json", "package-lock.json", "verifier.mjs", "verify_lines.mjs"]);
    run("Node.js", Command::new("node").arg("--version")).await?;
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    run("npm", &mut install).await?;
    Some(Program(vec!["node".into(), folder.join("verify_lines.mjs")]))
}

/// The verifier in Python; none where there is no Python or no network to get its libraries from.
pub async fn python() -> Option<Program> {
    let folder = Path::new(INSTALLED).join("python");
    copy(&folder, &["requirements.txt", "verifier.py", "verify_lines.py"]);
    let environment = folder.join("environment");
    run("Python with venv", Command::new("python3").args(["-m", "venv"]).arg(&environment)).await?;
    let interpreter = environment.join("bin/python");
    let mut install = Command::new(&interpreter);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    install.args(["--only-binary", ":all:", "-r", "requirements.txt"]).current_dir(&folder);
    run("pip", &mut install).await?;
    Some(Program(vec![interpreter, folder.join("verify_lines.py")]))
}

/// A package manager looks for libraries beside the program, so the program goes where they may be put.
fn copy(folder: &Path, files: &[&str]) {
    std::fs::create_dir_all(folder).expect("a folder below target");
    for file in files {
        std::fs::copy(Path::new(SOURCES).join(file), folder.join(file)).expect("the file is copied");
    }
}

/// Runs a program of the environment's; says so and gives nothing where it, or the network, is not there.
async fn run(name: &str, command: &mut Command) -> Option<()> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("the program ends in time");
    let Ok(Output { status, stdout, stderr }) = output else {
        eprintln!("skipped: no {name}");
        return None;
    };
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if !status.success() && NO_PACKAGES.iter().any(|word| said.contains(word)) {
        eprintln!("skipped: {name} cannot fetch its packages");
        return None;
    }
    if !status.success() && said.contains("ensurepip") {
        eprintln!("skipped: no {name} (install the package python3-venv)");
        return None;
    }
    assert!(status.success(), "{name}: {said}");
    Some(())
}
