//! `database.url` with several hosts: the primary no longer takes writes, and the standby is promoted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use latchkey::embedded_postgres::finder;
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::process::{Served, latchkey, run, run_json};
use crate::support::device::Proof;
use crate::support::{Device, database, plain, scratch, until};

/// A PostgreSQL server of its own, whose socket is in its directory.
struct Postgres {
    dir: PathBuf,
    child: Option<Child>,
}

impl Postgres {
    fn new(name: &str) -> Self {
        database::require_programs();
        let dir = scratch::place(name);
        fs::create_dir(&dir).expect("a directory");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).expect("a mode");
        if let Some((uid, gid)) = account() {
            chown(&dir, Some(uid), Some(gid)).expect("an owner");
        }
        Self { dir, child: None }
    }

    /// A command of PostgreSQL, as the account that it wants.
    fn program(name: &str) -> Command {
        let programs = finder::find(None).expect("PostgreSQL's programs");
        let mut command = Command::new(programs.bin_dir.join(name));
        command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((uid, gid)) = account() {
            command.uid(uid).gid(gid);
        }
        command
    }

    async fn start(&mut self) {
        let mut command = Self::program("postgres");
        command.arg("-D").arg(self.data());
        for setting in ["listen_addresses=", "fsync=off", "max_connections=60"] {
            command.args(["-c", setting]);
        }
        command.arg("-c").arg(format!("unix_socket_directories={}", self.dir.display()));
        self.child = Some(command.spawn().expect("it starts"));
        until("PostgreSQL takes connections", async || self.options("postgres").connect().await.is_ok())
            .await;
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().socket(&self.dir).port(5432);
        options.username("postgres").database(database)
    }

    async fn execute(&self, sql: &str) {
        let mut connection = self.options("postgres").connect().await.expect("it answers");
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("it is done");
        connection.close().await.expect("it ends");
    }

    async fn count(&self, database: &str, sql: &'static str) -> i64 {
        let mut connection = self.options(database).connect().await.expect("it answers");
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a count")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = kill_process(Pid::from_child(child), Signal::QUIT);
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// PostgreSQL does not run as root.
fn account() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let number = |option: &str, name: &str| {
        let output = Command::new("id").args([option, name]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    ["postgres", "nobody"].iter().find_map(|name| Some((number("-u", name)?, number("-g", name)?)))
}

fn must_succeed(command: &mut Command) {
    let status = command.status().expect("it runs");
    assert!(status.success(), "{command:?}: {status}");
}

/// The hosts' sockets as hosts of a URL.
fn url(hosts: [&Path; 2]) -> String {
    let hosts = hosts.map(|host| host.display().to_string().replace('/', "%2F")).join(",");
    format!("postgres://postgres@{hosts}/latchkey?target_session_attrs=read-write")
}

async fn readiness(server: &Served) -> (StatusCode, String) {
    let answer =
        plain::client().get(format!("{}/health/ready", server.base)).send().await.expect("an answer");
    (answer.status(), answer.text().await.expect("text"))
}

#[tokio::test]
async fn a_server_follows_the_promoted_standby_and_is_not_ready_while_nothing_can_be_written() {
    let (mut old, mut new) = (Postgres::new("old-primary"), Postgres::new("new-primary"));
    must_succeed(Postgres::program("initdb").arg("-D").arg(old.data()).args([
        "-U",
        "postgres",
        "-A",
        "trust",
        "--no-sync",
    ]));
    old.start().await;
    old.execute("CREATE DATABASE latchkey").await;
    let copy = ["-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"];
    must_succeed(
        Postgres::program("pg_basebackup").arg("-h").arg(&old.dir).args(copy).arg("-D").arg(new.data()),
    );
    new.start().await;

    let command = |arguments: &[&str]| {
        let mut command = latchkey(arguments);
        // The standby comes first: it is passed over.
        command.env("LATCHKEY__DATABASE__URL", url([&new.dir, &old.dir]));
        command.env("LATCHKEY__SECRETS__MASTER_KEY", "07".repeat(32));
        command.env("LATCHKEY__SERVER__PUBLIC_URL", "http://login.localhost");
        command
    };
    assert!(run(command(&["migrate"])).status.success());
    run_json(command(&[
        "admin",
        "create-client",
        "--id",
        "tv",
        "--grant",
        "device_code",
        "--scope",
        "openid",
        "--json",
    ]));
    let server = Served::start_from(&mut command(&["serve"]), &[]);
    let tv = Device::new(plain::client(), &server.base, "tv", Proof::None);
    tv.start("openid").await;
    assert_eq!(readiness(&server).await.0, 200);

    // Connections to it live on.
    old.execute("ALTER SYSTEM SET default_transaction_read_only = on").await;
    old.execute("SELECT pg_reload_conf()").await;
    until("the server is not ready", async || readiness(&server).await.0 == 503).await;
    assert!(readiness(&server).await.1.contains("the database is read-only"));
    assert_eq!(tv.ask(&[("scope", "openid")]).await.status, 503);
    let live = plain::client().get(format!("{}/health/live", server.base)).send().await.expect("an answer");
    assert_eq!(live.status(), 200);
    // What was not copied by then would be lost with an asynchronous standby.
    let stored = async || new.count("latchkey", "SELECT count(*) FROM device_authorizations").await;
    until("the standby has what was stored", async || stored().await == 1).await;
    new.execute("SELECT pg_promote()").await;
    until("the server is ready again", async || readiness(&server).await.0 == 200).await;
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    assert_eq!(stored().await, 2);
    let (status, log) = server.stop(Signal::TERM);
    assert!(status.success(), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("database connections renewed")), "{log:#?}");
}
