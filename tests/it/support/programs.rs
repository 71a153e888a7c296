//! Programs in other languages, with their libraries as their package managers bring them. Where a language or the
//! network is missing, whoever asked is told so, and the test is skipped.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

/// Where what is installed goes.
const INSTALLED: &str = env!("CARGO_TARGET_TMPDIR");
/// How long anything may take; only a test that fails anyway comes near.
pub const PATIENCE: Duration = Duration::from_mins(5);
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

/// A folder below `target` with copies of these files: a package manager looks for libraries beside the program, so the
/// program goes where they may be put.
pub fn folder(name: &str, sources: &Path, files: &[&str]) -> PathBuf {
    let folder = Path::new(INSTALLED).join(name);
    std::fs::create_dir_all(&folder).expect("a folder below target");
    for file in files {
        std::fs::copy(sources.join(file), folder.join(file)).expect("the file is copied");
    }
    folder
}

/// The folder of the programs of a Python environment that holds what `requirements.txt` in `folder` names, and nothing
/// else.
pub async fn python_environment(folder: &Path) -> Option<PathBuf> {
    let environment = folder.join("environment");
    run("Python with venv", Command::new("python3").args(["-m", "venv"]).arg(&environment)).await?;
    let programs = environment.join("bin");
    let mut install = Command::new(programs.join("python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    install.args(["--only-binary", ":all:", "-r", "requirements.txt"]).current_dir(folder);
    run("pip", &mut install).await?;
    Some(programs)
}

/// Runs a program of the environment's; says so and gives nothing where it, or the network, is not there.
pub async fn run(name: &str, command: &mut Command) -> Option<()> {
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
