//! Runs the program as a child process, on a data directory of its own. Whatever a test does, neither outlives it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::ready_cluster;
use crate::support::patience::PATIENCE;
use crate::support::{database, scratch};

/// A data directory for the embedded database.
pub struct DataDir(PathBuf);

impl DataDir {
    /// A new one, where the account that runs PostgreSQL can reach it.
    pub fn new() -> Self {
        database::require_programs();
        Self(scratch::place("cli"))
    }

    /// The same with a cluster in it that nobody has used, which is sooner there than one that is made.
    pub fn with_cluster() -> Self {
        let data = Self::new();
        ready_cluster::copy_to(data.path());
        data
    }

    /// This one.
    pub fn at(path: PathBuf) -> Self {
        database::require_programs();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The process number of the PostgreSQL that runs in it.
    pub fn postmaster(&self) -> Option<Pid> {
        let record = std::fs::read_to_string(self.0.join("postgres/postmaster.pid")).ok()?;
        Pid::from_raw(record.lines().next()?.trim().parse().ok()?)
    }

    /// The program with this directory as its `data_dir`. Its database has as long as it needs to end, on a busy machine
    /// too.
    pub fn latchkey(&self, arguments: &[&str]) -> Command {
        let mut command = latchkey(arguments);
        command.env("LATCHKEY__DATA_DIR", &self.0).env("LATCHKEY__SERVER__SHUTDOWN_GRACE_SECONDS", "100");
        command
    }

    /// Starts `latchkey serve`, closes its standard error as a terminal's end does, and hangs up; how it ended.
    pub fn serve_until_the_terminal_closes(&self) -> ExitStatus {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = self.latchkey(&["serve"]);
        command.env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0").stdout(Stdio::null()).stderr(writer);
        let mut child = Guarded(command.spawn().expect("the program starts"));
        // With it goes our own end for writing.
        drop(command);
        let mut lines = BufReader::new(reader).lines();
        assert!(lines.any(|line| line.is_ok_and(|line| line.contains("listening"))), "the server starts");
        drop(lines);
        kill_process(Pid::from_child(&child.0), Signal::HUP).expect("the program is there");
        child.wait()
    }

    /// Starts `latchkey serve` on a free port, and waits until it answers.
    pub fn serve(&self) -> Served {
        self.serve_with(&[])
    }

    /// The same with more environment.
    pub fn serve_with(&self, environment: &[(&str, &str)]) -> Served {
        Served::start_free(&mut self.latchkey(&["serve"]), environment)
    }

    /// The same with what it has shown on standard output until it listens.
    pub fn serve_and_read(&self) -> (Served, String) {
        Served::start_and_read(&mut self.latchkey(&["serve"]))
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if let Some(postmaster) = self.postmaster() {
            let _ = kill_process(postmaster, Signal::QUIT);
            let _ = wait_until(|| test_kill_process(postmaster).is_err().then_some(()));
        }
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A database that several servers share.
pub struct SharedDatabase(PgConnectOptions);

impl SharedDatabase {
    /// A new one, migrated.
    pub async fn new() -> Self {
        Self(database::create().await)
    }

    /// This one, migrated.
    pub const fn at(options: PgConnectOptions) -> Self {
        Self(options)
    }

    /// A new one without tables.
    pub async fn empty() -> Self {
        Self(database::create_empty().await)
    }

    /// Where it is.
    pub fn url(&self) -> url::Url {
        self.0.to_url_lossy()
    }

    /// Runs a statement on it.
    pub async fn execute(&self, sql: &'static str) {
        let mut connection = self.0.connect().await.expect("the database answers");
        sqlx::raw_sql(sql).execute(&mut connection).await.expect("it is done");
    }

    /// The program on this database, with the key that the template's are sealed with.
    pub fn latchkey(&self, arguments: &[&str]) -> Command {
        let mut command = latchkey(arguments);
        command
            .env("LATCHKEY__DATABASE__URL", self.0.to_url_lossy().as_str())
            .env("LATCHKEY__SECRETS__MASTER_KEY", "07".repeat(32))
            .env("LATCHKEY__SERVER__PUBLIC_URL", "http://login.localhost");
        command
    }

    /// Starts `latchkey serve` on a free port, and waits until it answers.
    pub fn serve_with(&self, environment: &[(&str, &str)]) -> Served {
        Served::start_free(&mut self.latchkey(&["serve"]), environment)
    }

    /// The same with what it has shown on standard output until it listens.
    pub fn serve_and_read(&self) -> (Served, String) {
        Served::start_and_read(&mut self.latchkey(&["serve"]))
    }

    /// The only row that a query finds.
    pub async fn row<R>(&self, sql: &'static str) -> R
    where
        R: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        let mut connection = self.0.connect().await.expect("the database answers");
        sqlx::query_as(sql).fetch_one(&mut connection).await.expect("a row")
    }
}

/// The program, with nothing of the settings that this environment may hold.
pub fn latchkey(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LATCHKEY__") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
#[track_caller]
pub fn run(mut command: Command) -> Output {
    finish(command.spawn().expect("the program starts"))
}

/// The same, with one line on standard input.
#[track_caller]
pub fn run_with_line(mut command: Command, line: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("standard input");
    writeln!(input, "{line}").expect("it reads");
    drop(input);
    finish(child)
}

/// Runs a command that must succeed; the one JSON object that it prints.
#[track_caller]
pub fn run_json(command: Command) -> Value {
    json_of(&run(command))
}

/// The one JSON object that a command has printed, successfully.
#[track_caller]
pub fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error} in {output:?}"))
}

/// Runs a command that must fail; its last word.
#[track_caller]
pub fn refusal(command: Command) -> String {
    let output = run(command);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).expect("text");
    said.lines().last().unwrap_or_default().to_owned()
}

#[track_caller]
fn finish(child: Child) -> Output {
    let mut child = Guarded(child);
    let drain = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        })
    };
    let stdout = drain(Box::new(child.0.stdout.take().expect("standard output")));
    let stderr = drain(Box::new(child.0.stderr.take().expect("standard error")));
    let status = child.wait();
    Output { status, stdout: stdout.join().expect("output"), stderr: stderr.join().expect("output") }
}

/// A child that does not outlive its owner.
struct Guarded(Child);

impl Guarded {
    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        wait_until(|| self.0.try_wait().expect("a child can be waited for"))
            .expect("the program ends in time")
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running `latchkey serve`.
pub struct Served {
    child: Guarded,
    /// `http://127.0.0.1:{port}`
    pub base: String,
    log: Receiver<String>,
}

impl Served {
    /// Starts a command that becomes `latchkey serve`, and waits until it answers.
    #[track_caller]
    pub fn start_from(command: &mut Command, environment: &[(&str, &str)]) -> Self {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        Self::start(command, environment, Stdio::null())
    }

    #[track_caller]
    fn start_free(command: &mut Command, environment: &[(&str, &str)]) -> Self {
        Self::start(command, environment, Stdio::null())
    }

    #[track_caller]
    fn start_and_read(command: &mut Command) -> (Self, String) {
        let path = scratch::place("out");
        let shown = std::fs::File::create(&path).expect("a file");
        let served = Self::start(command, &[], shown.into());
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::remove_file(&path).expect("the file goes");
        (served, text)
    }

    #[track_caller]
    fn start(command: &mut Command, environment: &[(&str, &str)], stdout: Stdio) -> Self {
        command.env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0").env("LATCHKEY__LOG__FORMAT", "json");
        command.envs(environment.iter().copied());
        let mut child = Guarded(command.stdout(stdout).spawn().expect("the program starts"));
        let stderr = BufReader::new(child.0.stderr.take().expect("standard error"));
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Read on when nobody listens any more: a full pipe would stop the program.
                let _ = sender.send(line);
            }
        });
        let mut said = Vec::new();
        while let Ok(line) = log.recv_timeout(PATIENCE) {
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["fields"]["message"] == "listening" {
                let address = entry["fields"]["address"].as_str().expect("an address");
                return Self { child, base: format!("http://{address}"), log };
            }
            said.push(line);
        }
        panic!("the server did not start: {said:#?}");
    }

    /// Waits until the log says this.
    pub fn wait_for_line(&self, text: &str) {
        let mut said = Vec::new();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            if line.contains(text) {
                return;
            }
            said.push(line);
        }
        panic!("{text} was never said: {said:#?}");
    }

    /// Ends it by `kill -9`.
    pub fn kill(mut self) {
        self.child.0.kill().expect("a child can be killed");
        self.child.wait();
    }

    /// Waits until it ends by itself.
    pub fn ended(mut self) -> (ExitStatus, Vec<String>) {
        (self.child.wait(), self.log.iter().collect())
    }

    /// Asks it to stop by a signal, and waits for its end.
    pub fn stop(mut self, signal: Signal) -> (ExitStatus, Vec<String>) {
        kill_process(Pid::from_child(&self.child.0), signal).expect("the program is there");
        (self.child.wait(), self.log.iter().collect())
    }
}

/// Looks again and again, for as long as a test may wait.
fn wait_until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if seen.is_some() || Instant::now() >= deadline {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
