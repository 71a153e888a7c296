//! Postgres's own record of its running postmaster, and whether that process is really there.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use rustix::process::Pid;

use super::error::Error;

/// What `postmaster.pid` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: Pid,
    /// Its data directory, once it is written.
    pub(super) data_dir: Option<PathBuf>,
    /// Directory of its socket, once it is written.
    pub(super) socket_dir: Option<PathBuf>,
}

impl PidFile {
    /// Reads the file of the cluster in `cluster_dir`; `None` where there is none or none that can be understood.
    pub(super) fn read(cluster_dir: &Path) -> Result<Option<Self>, Error> {
        let path = path(cluster_dir);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(parse(&text)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::Io { action: "read", path, cause }),
        }
    }

    /// Whether the process lives and serves `cluster_dir`.
    pub(super) fn is_of(&self, cluster_dir: &Path) -> bool {
        self.data_dir.as_deref().is_none_or(|dir| dir == cluster_dir) && serves(self.pid, cluster_dir)
    }
}

/// Where the cluster's pid file is.
pub(super) fn path(cluster_dir: &Path) -> PathBuf {
    cluster_dir.join("postmaster.pid")
}

/// Whether a process with this number exists, whosever it is.
pub(super) fn is_taken(pid: Pid) -> bool {
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

/// Whether the process lives and was started on `cluster_dir`; numbers are used again, above all after a reboot.
pub(super) fn serves(pid: Pid, cluster_dir: &Path) -> bool {
    let number = pid.as_raw_nonzero().get();
    let dir = cluster_dir.as_os_str().as_bytes();
    // A dead process that nobody has waited for yet has an empty command line.
    if let Ok(command_line) = fs::read(format!("/proc/{number}/cmdline")) {
        return command_line.split(|byte| *byte == 0).any(|argument| argument == dir);
    }
    if Path::new("/proc/self/cmdline").exists() {
        return false;
    }
    Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &number.to_string()])
        .stdin(Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout.windows(dir.len()).any(|window| window == dir))
}

/// The oldest process of PostgreSQL that works in `cluster_dir`. `None` also where the system does not tell.
pub(super) fn at_work_in(cluster_dir: &Path) -> Option<Pid> {
    all_at_work_in(cluster_dir).into_iter().next()
}

/// The processes of PostgreSQL that work in `cluster_dir`, whatever the directory was called when they were started: each
/// has it as its working directory. None also where the system does not tell.
pub(super) fn all_at_work_in(cluster_dir: &Path) -> Vec<Pid> {
    let mut pids: Vec<Pid> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(|pid| {
            let link = |name: &str| fs::read_link(format!("/proc/{}/{name}", pid.as_raw_nonzero()));
            let runs_postgres =
                || link("exe").is_ok_and(|exe| exe.file_name().is_some_and(|name| name == "postgres"));
            link("cwd").is_ok_and(|cwd| cwd == cluster_dir) && runs_postgres()
        })
        .collect();
    // The postmaster is older than those that it has started.
    pids.sort_unstable_by_key(|pid| pid.as_raw_nonzero());
    pids
}

fn parse(text: &str) -> Option<PidFile> {
    let mut lines = text.lines();
    let number: i32 = lines.next()?.trim().parse().ok()?;
    let pid = Pid::from_raw(number.checked_abs()?)?;
    let path = |line: &str| Some(PathBuf::from(line)).filter(|path| path.is_absolute());
    let data_dir = lines.next().and_then(path);
    // Between them are the time of the start and the port.
    let socket_dir = lines.nth(2).and_then(path);
    Some(PidFile { pid, data_dir, socket_dir })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file_is_read() {
        let text = "4711\n/var/lib/latchkey/postgres\n1700000000\n5432\n/var/lib/latchkey/socket\n\n  5432001  7\nready   \n";
        let file = parse(text).unwrap();
        assert_eq!(file.pid, Pid::from_raw(4711).unwrap());
        assert_eq!(file.data_dir.as_deref(), Some(Path::new("/var/lib/latchkey/postgres")));
        assert_eq!(file.socket_dir.as_deref(), Some(Path::new("/var/lib/latchkey/socket")));
    }

    #[test]
    fn a_file_being_written_is_read_as_far_as_it_goes() {
        let file = parse("4711\n/d/postgres\n1700000000\n").unwrap();
        assert_eq!(file.socket_dir, None);
        assert_eq!(parse(""), None);
        assert_eq!(parse("0\n"), None);
    }

    #[test]
    fn another_process_does_not_serve_the_cluster() {
        assert!(!serves(rustix::process::getpid(), Path::new("/no/such/cluster")));
    }
}
