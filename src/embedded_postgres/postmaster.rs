//! The running postmaster: Latchkey's own child, or one that outlived an earlier Latchkey.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::account::Account;
use super::error::Error;
use super::finder::Installation;
use super::layout::Layout;
use super::pid_file::{self, PidFile};
use super::settings::ClusterSettings;
use super::{log_file, owned_file, server_settings};

/// How long a stop may take that nobody waits for: it ends with writing everything to disk.
pub(super) const LONGEST_STOP: Duration = Duration::from_secs(70);

/// The most and the least of a stop that is left to an immediate shutdown.
const IMMEDIATE_SHUTDOWN: Duration = Duration::from_secs(10);
const SHORTEST_IMMEDIATE_SHUTDOWN: Duration = Duration::from_millis(500);

/// How long killed processes may take to be gone.
const KILLED: Duration = Duration::from_secs(2);

/// How long the processes of a killed postmaster may take to end.
const REMAINS_PATIENCE: Duration = Duration::from_secs(15);

/// How often a postmaster that is not our child is looked for while it stops.
const STOP_POLL: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Orderly,
    /// It was ended hard, because its time was over: nothing committed is lost, and the next start recovers it from the log.
    Forced,
}

/// A postmaster and what is needed to follow it.
#[derive(Debug)]
pub(super) struct Postmaster {
    pid: Pid,
    /// Set where it is our child and has not been waited for.
    child: Option<Child>,
    layout: Layout,
}

impl Postmaster {
    /// Starts the server; it is not ready yet.
    pub(super) fn spawn(
        settings: &ClusterSettings,
        layout: &Layout,
        account: &Account,
        installation: &Installation,
    ) -> Result<Self, Error> {
        let log = owned_file::open(&layout.log, account)?;
        let program = installation.bin_dir.join("postgres");
        let second = |log: &File| log.try_clone().map_err(Error::io("open", &layout.log));
        // Its own process group and no signal at our death: it is to outlive us and the terminal's Ctrl-C.
        let mut command = account.command(&program, &layout.data_dir);
        command.args(server_settings::arguments(settings, layout));
        command.stdout(Stdio::from(second(&log)?)).stderr(Stdio::from(log));
        let child = Command::from(command).spawn().map_err(Error::io("run", &program))?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| log_file::ended_while_starting(layout))?;
        Ok(Self { pid, child: Some(child), layout: layout.clone() })
    }

    /// Follows a postmaster that runs already.
    pub(super) fn adopt(pid: Pid, layout: &Layout) -> Self {
        Self { pid, child: None, layout: layout.clone() }
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    pub(super) fn is_running(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => pid_file::serves(self.pid, &self.layout.cluster_dir),
        }
    }

    /// Ends when it has ended; `poll` is how often one is looked for that is not our child.
    pub(super) async fn ended(&mut self, poll: Duration) -> String {
        if let Some(child) = &mut self.child
            && let Ok(status) = child.wait().await
        {
            return status.to_string();
        }
        while self.is_running() {
            sleep(poll).await;
        }
        "its process is gone".to_owned()
    }

    /// Stops it by then: rolling back what is open, and writing everything to disk. If that takes too long, without writing
    /// (immediate shutdown); and if even that does, as where it is frozen, by killing all its processes.
    pub(super) async fn stop(&mut self, until: Instant) -> Result<Ending, Error> {
        let begun = Instant::now();
        let immediate = (until.saturating_duration_since(begun) / 4)
            .clamp(SHORTEST_IMMEDIATE_SHUTDOWN, IMMEDIATE_SHUTDOWN);
        let fast_until = until.checked_sub(immediate).unwrap_or(begun).max(begun);
        let ways = [
            (Signal::INT, fast_until, Ending::Orderly),
            (Signal::QUIT, fast_until + immediate, Ending::Forced),
        ];
        for (signal, until, ending) in ways {
            if !self.is_running() {
                return Ok(Ending::Orderly);
            }
            self.send(signal);
            if timeout_at(until, self.ended(STOP_POLL)).await.is_ok() {
                return Ok(ending);
            }
            tracing::warn!(pid = self.pid(), ?signal, "PostgreSQL did not stop on signal");
        }
        match timeout(KILLED, self.kill()).await {
            Ok(()) => Ok(Ending::Forced),
            Err(_) => Err(Error::NotStopped { pid: self.pid(), seconds: begun.elapsed().as_secs() }),
        }
    }

    /// Kills it and what it has started, and waits until they are gone.
    async fn kill(&mut self) {
        self.send(Signal::KILL);
        self.ended(STOP_POLL).await;
        loop {
            let left = pid_file::all_at_work_in(&self.layout.cluster_dir);
            if left.is_empty() {
                return;
            }
            for pid in left {
                // It may have ended with its postmaster.
                let _ = kill_process(pid, Signal::KILL);
            }
            sleep(STOP_POLL).await;
        }
    }

    /// Asks for a fast shutdown without waiting for it.
    pub(super) fn ask_to_stop(&mut self) {
        if self.is_running() {
            self.send(Signal::INT);
        }
    }

    fn send(&self, signal: Signal) {
        if let Err(error) = kill_process(self.pid, signal) {
            tracing::debug!(%error, pid = self.pid(), "PostgreSQL already exited");
        }
    }
}

/// Removes the record of a postmaster that is gone where PostgreSQL does not do so itself: another process has its number
/// by now, or the record is empty, as a power cut leaves it. Fails where a process still works on the cluster.
pub(super) async fn forget_stale(layout: &Layout) -> Result<(), Error> {
    let record = pid_file::path(&layout.cluster_dir);
    if !record.exists() {
        return Ok(());
    }
    let file = PidFile::read(&layout.cluster_dir)?;
    if file.as_ref().is_some_and(|file| !pid_file::is_taken(file.pid) || file.is_of(&layout.cluster_dir)) {
        return Ok(());
    }
    let deadline = Instant::now() + REMAINS_PATIENCE;
    while let Some(pid) = pid_file::at_work_in(&layout.cluster_dir) {
        let (dir, number) = (layout.cluster_dir.clone(), pid.as_raw_nonzero().get().cast_unsigned());
        let before = file.as_ref().filter(|file| file.pid == pid).and_then(|file| file.data_dir.clone());
        match before.filter(|before| *before != dir) {
            Some(before) => return Err(Error::MovedWhileRunning { dir, before, pid: number }),
            None if Instant::now() >= deadline => return Err(Error::StillAtWork { dir, pid: number }),
            // What a killed postmaster leaves behind is soon gone.
            None => sleep(STOP_POLL).await,
        }
    }
    tracing::info!("stale PostgreSQL pid file removed");
    for stale in [layout.socket_dir.join(format!(".s.PGSQL.{}.lock", super::layout::PORT)), record] {
        match fs::remove_file(&stale) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Io { action: "remove", path: stale, cause });
            }
            _ => {}
        }
    }
    Ok(())
}
