//! The embedded database in trouble: each fault is repaired or reported, and what needs no database is still answered.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use latchkey::embedded_postgres::finder;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::process::{DataDir, Served, refusal, run};
use crate::support::{plain, until};

fn serve(data: &DataDir) -> Command {
    let mut command = data.latchkey(&["serve"]);
    command.env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0");
    command
}

async fn end(postmaster: Pid, signal: Signal) {
    kill_process(postmaster, signal).expect("it is there");
    until("PostgreSQL is gone", async || test_kill_process(postmaster).is_err()).await;
}

async fn status_of(server: &Served, path: &str) -> u16 {
    let answer = plain::client().get(format!("{}{path}", server.base)).send().await;
    answer.expect("the server answers").status().as_u16()
}

#[tokio::test]
async fn an_empty_record_of_a_power_cut_does_not_stop_the_start() {
    let data = DataDir::with_cluster();
    data.serve().kill();
    end(data.postmaster().expect("it outlives the server"), Signal::KILL).await;
    let lock = data.path().join("socket/.s.PGSQL.5432.lock");
    for file in [&data.path().join("postgres/postmaster.pid"), &lock] {
        fs::write(file, "").expect("it is emptied");
    }
    let (status, log) = data.serve().stop(Signal::TERM);
    assert!(status.success(), "{log:#?}");
}

#[tokio::test]
async fn a_directory_that_moved_under_a_running_postgresql_is_refused_until_it_has_ended() {
    let (data, elsewhere) = (DataDir::with_cluster(), DataDir::new());
    data.serve().kill();
    let postmaster = data.postmaster().expect("it outlives the server");
    fs::rename(data.path(), elsewhere.path()).expect("it moves");
    for _ in 0..2 {
        let said = refusal(serve(&elsewhere));
        let command = format!("kill -INT {}", postmaster.as_raw_nonzero());
        assert!(said.contains("was moved while PostgreSQL") && said.contains(&command), "{said}");
    }
    assert!(test_kill_process(postmaster).is_ok(), "nobody has stopped it");
    end(postmaster, Signal::INT).await;
    let (status, log) = elsewhere.serve().stop(Signal::TERM);
    assert!(status.success(), "{log:#?}");
}

#[test]
fn a_cluster_that_is_open_to_others_is_closed_to_them() {
    let data = DataDir::with_cluster();
    assert!(data.serve().stop(Signal::TERM).0.success());
    let cluster = data.path().join("postgres");
    fs::set_permissions(&cluster, fs::Permissions::from_mode(0o755)).expect("a mode");
    let (status, log) = data.serve().stop(Signal::TERM);
    assert!(status.success(), "{log:#?}");
    assert_eq!(fs::metadata(&cluster).expect("it is there").permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_cluster_that_somebody_else_owns_is_named_with_the_remedy() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root gives files away");
        return;
    }
    let data = DataDir::with_cluster();
    assert!(data.serve().stop(Signal::TERM).0.success());
    // As `cp` does when root runs it.
    for part in ["postgres", "postgres/PG_VERSION"] {
        chown(data.path().join(part), Some(0), Some(0)).expect("a new owner");
    }
    let said = refusal(serve(&data));
    assert!(said.contains("which must own it: run `chown -R "), "{said}");
    assert!(said.contains(data.path().join("postgres").to_str().expect("text")), "{said}");
}

/// Programs of PostgreSQL of which the server does not start before `gate` exists.
fn slow_programs(dir: &Path, gate: &Path) {
    let real = finder::find(None).expect("PostgreSQL's programs").bin_dir;
    fs::create_dir(dir).expect("a directory");
    for name in ["initdb", "postgres"] {
        let real = real.join(name).display().to_string();
        // A script has to be left alone by whoever looks for the programs' version, too.
        let wait = format!("while [ ! -e '{}' ]; do sleep 0.05; done", gate.display());
        let script = format!("#!/bin/sh\n{wait}\nexec '{real}' \"$@\"\n");
        fs::write(dir.join(name), script).expect("a script");
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("a mode");
}

#[tokio::test]
async fn while_the_cluster_restarts_slowly_the_server_lives_and_stops_when_told() {
    let data = DataDir::new();
    let (programs, gate) = (data.path().with_extension("programs"), data.path().with_extension("gate"));
    slow_programs(&programs, &gate);
    fs::write(&gate, "").expect("a gate");
    let bin_dir = ("LATCHKEY__DATABASE__POSTGRES_BIN_DIR", programs.to_str().expect("text"));
    let server = data.serve_with(&[bin_dir]);
    fs::remove_file(&gate).expect("the gate shuts");
    let postmaster = data.postmaster().expect("it runs");
    kill_process(postmaster, Signal::KILL).expect("it is there");
    until("the server is not ready", async || status_of(&server, "/health/ready").await == 503).await;
    for _ in 0..20 {
        // On connections of their own.
        assert_eq!(status_of(&server, "/health/live").await, 200);
    }
    let (status, log) = server.stop(Signal::TERM);
    assert!(status.success(), "{log:#?}");
    fs::write(&gate, "").expect("a gate");
    let (status, log) = data.serve_with(&[bin_dir]).stop(Signal::TERM);
    assert!(status.success(), "{log:#?}");
    fs::remove_dir_all(&programs).expect("they go");
    fs::remove_file(&gate).expect("it goes");
}

/// A small disk of its own, where that is allowed.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        fs::create_dir_all(at).expect("a directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=160m,mode=0755", "tmpfs"]).arg(at);
        let mounted = mount.stdout(Stdio::null()).stderr(Stdio::null()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_the_database_is_back_when_there_is_room() {
    let outer = DataDir::new();
    let Some(disk) = SmallDisk::mount(outer.path()) else {
        eprintln!("skipped: no small disk can be mounted here");
        return;
    };
    let data = DataDir::at(disk.0.join("data"));
    let server = data.serve();
    let ballast = disk.0.join("ballast");
    let mut block = 16 * 1024 * 1024;
    let mut file = fs::File::create(&ballast).expect("a file");
    while block > 0 {
        // Less and less, until nothing goes in.
        if std::io::Write::write_all(&mut file, &vec![1; block]).is_err() {
            block /= 4;
        }
    }
    kill_process(data.postmaster().expect("it runs"), Signal::KILL).expect("it is there");
    until("the server is not ready", async || status_of(&server, "/health/ready").await == 503).await;
    server.wait_for_line("is full: free some space");
    assert_eq!(status_of(&server, "/health/live").await, 200);
    // Until it is closed, it takes the room.
    drop(file);
    fs::remove_file(&ballast).expect("there is room");
    until("the server is ready again", async || status_of(&server, "/health/ready").await == 200).await;
    let (status, log) = server.stop(Signal::TERM);
    assert!(status.success(), "{log:#?}");
}

/// The processes of the PostgreSQL that runs in this directory.
fn processes(data: &DataDir) -> Vec<Pid> {
    let directory = fs::canonicalize(data.path().join("postgres")).expect("a cluster");
    let numbers = fs::read_dir("/proc").expect("processes").flatten().filter_map(|entry| {
        let works_there = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == directory);
        works_there.then(|| entry.file_name().to_str()?.parse().ok()).flatten()
    });
    numbers.filter_map(Pid::from_raw).collect()
}

#[tokio::test]
async fn a_stop_ends_a_frozen_cluster_within_its_grace_and_loses_nothing() {
    for is_whole in [true, false] {
        let data = DataDir::with_cluster();
        let server = data.serve_with(&[("LATCHKEY__SERVER__SHUTDOWN_GRACE_SECONDS", "4")]);
        let make_tv =
            || run(data.latchkey(&["admin", "create-client", "--id", "tv", "--grant", "device_code"]));
        assert!(make_tv().status.success());
        let postmaster = data.postmaster().expect("it runs");
        let frozen = if is_whole { processes(&data) } else { vec![postmaster] };
        assert!(!is_whole || frozen.len() > 1, "{frozen:?}");
        for process in frozen {
            // Some come and go.
            let _ = kill_process(process, Signal::STOP);
        }
        let (status, log) = server.stop(Signal::TERM);
        assert_eq!(status.code(), Some(3), "{log:#?}");
        assert!(log.iter().any(|line| line.contains("embedded database killed")), "{log:#?}");
        assert!(test_kill_process(postmaster).is_err(), "it is gone");
        assert_eq!(processes(&data), []);
        let server = data.serve();
        assert_eq!(make_tv().status.code(), Some(1), "there is one");
        let (status, log) = server.stop(Signal::TERM);
        assert!(status.success(), "{log:#?}");
    }
}
