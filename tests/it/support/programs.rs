//! Programs in other languages, with their libraries as their package managers bring them. Where a language or the
//! network is missing, whoever asked is told so, and the test is skipped.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::Mutex;

/// Where what is installed goes.
pub const INSTALLED: &str = env!("CARGO_TARGET_TMPDIR");
/// How long anything may take; only a test that fails anyway comes near.
pub const PATIENCE: Duration = Duration::from_mins(5);
/// How package managers say that there is no network, or nothing for this machine.
const NO_PACKAGES: [&str; 16] = [
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
    "dial tcp",
    "i/o timeout",
    "requires go >=",
    "toolchain not available",
    "Could not transfer artifact",
    "Unknown host",
];
/// Maven writes what it has fetched into one folder for all, without a lock.
static MAVEN: Mutex<()> = Mutex::const_new(());

/// A language that a machine may lack.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    Go,
    Java,
}

impl Language {
    /// The variable that has tests fail which would be skipped: `required`.
    const fn setting(self) -> &'static str {
        match self {
            Self::Go => "LATCHKEY_TEST_GO",
            Self::Java => "LATCHKEY_TEST_JAVA",
        }
    }

    /// Says that a test is skipped, past the capture of the test harness, which would hide that nothing was tested.
    #[expect(clippy::disallowed_methods, reason = "these variables are the tests' own settings")]
    fn skip(self, reason: &str) {
        let is_required = std::env::var(self.setting()).is_ok_and(|value| value == "required");
        assert!(!is_required, "{reason}");
        let _ = writeln!(std::io::stderr(), "SKIPPED, programs in {self:?} were not tested: {reason}");
    }
}

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

/// A command that runs a class of a Maven project, which is compiled below `target`. Compiled once is enough until a
/// source changes.
pub async fn java_program(name: &str, sources: &Path) -> Option<Command> {
    build(Language::Java, Command::new("java").arg("-version")).await?;
    let _alone = MAVEN.lock().await;
    let built = Path::new(INSTALLED).join(name);
    let (classpath, compiled) = (built.join("classpath"), built.join("compiled-sources"));
    let present = text_of(sources);
    if std::fs::read_to_string(&compiled).is_ok_and(|before| before == present) {
        return Some(java(&built, &classpath));
    }
    let mut maven = Command::new("mvn");
    maven.args(["--batch-mode", "--quiet", "compile", "dependency:build-classpath"]);
    maven.arg("-DincludeScope=runtime").arg(format!("-Dmdep.outputFile={}", classpath.display()));
    maven.arg(format!("-Dbuilt={}", built.display())).current_dir(sources);
    build(Language::Java, &mut maven).await?;
    std::fs::write(compiled, present).expect("a file below target");
    Some(java(&built, &classpath))
}

fn java(built: &Path, classpath: &Path) -> Command {
    let libraries = std::fs::read_to_string(classpath).expect("Maven has written it");
    let mut java = Command::new("java");
    // These start soonest.
    java.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]);
    java.arg(format!("{}:{}", built.join("classes").display(), libraries.trim()));
    java
}

/// All of a project's own files, one after the other.
fn text_of(sources: &Path) -> String {
    let entries = std::fs::read_dir(sources).expect("the sources are there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let kinds = ["java", "xml"];
    files.retain(|file| file.extension().is_some_and(|kind| kinds.iter().any(|known| kind == *known)));
    files.iter().map(|file| std::fs::read_to_string(file).expect("text")).collect()
}

/// Has a program build another; says so and gives nothing where it, or the network, is not there.
pub async fn build(language: Language, command: &mut Command) -> Option<()> {
    attempt(command).await.map_err(|reason| language.skip(&reason)).ok()
}

/// Runs a program of the environment's; says so and gives nothing where it, or the network, is not there.
pub async fn run(name: &str, command: &mut Command) -> Option<()> {
    attempt(command).await.map_err(|reason| eprintln!("skipped: {name}: {reason}")).ok()
}

/// Runs a program to its end, which is a good one; or why it cannot run here.
async fn attempt(command: &mut Command) -> Result<(), String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("the program ends in time");
    let Ok(Output { status, stdout, stderr }) = output else {
        return Err(format!("there is no {program}"));
    };
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if !status.success() && NO_PACKAGES.iter().any(|word| said.contains(word)) {
        return Err(format!("{program} cannot fetch its packages"));
    }
    if !status.success() && said.contains("ensurepip") {
        return Err(format!("there is no whole {program} (install the package python3-venv)"));
    }
    assert!(status.success(), "{program}: {said}");
    Ok(())
}
