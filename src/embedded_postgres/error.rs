//! What can go wrong with the private cluster, each said so that the reader knows what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why the private Postgres cluster cannot be found, made, started, reached or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable Postgres programs on this machine.
    #[error(
        "PostgreSQL {minimum} or newer was not found on this machine: {hint}, or run again with \
         --install-postgres",
        minimum = super::settings::MINIMUM_MAJOR
    )]
    ProgramsNotFound { hint: &'static str },
    /// The configured directory holds no Postgres server.
    #[error("database.postgres_bin_dir is {}, which contains no runnable `initdb` and `postgres`", .dir.display())]
    BinDirWithoutPrograms { dir: PathBuf },
    /// Only versions below the minimum were found.
    #[error(
        "PostgreSQL {found} in {} is too old: Latchkey needs PostgreSQL {minimum} or newer",
        .dir.display(),
        minimum = super::settings::MINIMUM_MAJOR
    )]
    ProgramsTooOld {
        found: String,
        /// Directory it was found in.
        dir: PathBuf,
    },
    /// A client program is not installed beside the server.
    #[error("{} not found: install the PostgreSQL client programs of the same version", .path.display())]
    ClientProgramMissing {
        /// Where the program was looked for.
        path: PathBuf,
    },
    /// The data was written by a major version of which no programs are installed.
    #[error(
        "{} contains data of PostgreSQL {data}, but only PostgreSQL {programs} is installed: install \
         PostgreSQL {data} again, or migrate the data with pg_upgrade or with pg_dump and psql",
        .dir.display()
    )]
    VersionMismatch {
        dir: PathBuf,
        /// Major version that wrote the data.
        data: u32,
        /// Versions that are installed, newest choice first.
        programs: String,
    },
    /// The unprivileged account cannot reach a directory.
    #[error(
        "PostgreSQL runs as the user `{account}`, which cannot access {}: set data_dir to a directory that \
         this user can access, such as /var/lib/latchkey",
        .dir.display()
    )]
    DirectoryOutOfReach {
        /// The first directory on the way that is closed.
        dir: PathBuf,
        account: String,
    },
    /// The unprivileged account cannot run the programs.
    #[error(
        "PostgreSQL runs as the user `{account}`, which cannot run the programs in {}: set \
         database.postgres_bin_dir to a directory that this user can access",
        .dir.display()
    )]
    ProgramsOutOfReach { dir: PathBuf, account: String },
    #[error("{} contains files that do not belong to Latchkey: set data_dir to a new or empty directory", .dir.display())]
    DirectoryNotOurs { dir: PathBuf },
    /// The directory belongs to another user.
    #[error(
        "{} belongs to another user (uid {owner}): run Latchkey as that user, or set data_dir to a \
         directory of yours",
        .dir.display()
    )]
    DirectoryOfAnotherUser { dir: PathBuf, owner: u32 },
    /// Something else has the name of the socket's directory.
    #[error(
        "{} must be a private directory of the user `{account}` to hold the PostgreSQL socket: remove it, \
         or set data_dir to a shorter path",
        .dir.display()
    )]
    SocketDirNotOurs { dir: PathBuf, account: String },
    /// A user number without a name.
    #[error("this system has no user with uid {uid}, which PostgreSQL requires: add it to /etc/passwd")]
    AccountUnknown { uid: u32 },
    /// Neither `postgres` nor `nobody` exists.
    #[error(
        "PostgreSQL refuses to run as root, and this system has neither a user `postgres` nor a user \
         `nobody`: add one"
    )]
    NoUnprivilegedAccount,
    /// No place for the data is known.
    #[error("neither XDG_DATA_HOME nor HOME is set: set data_dir")]
    NoHome,
    #[error("{} is in use by another Latchkey{}: stop it, or set another data_dir", .dir.display(), pid_note(*.pid))]
    InUse {
        dir: PathBuf,
        /// Process that holds it, where known.
        pid: Option<u32>,
    },
    /// Another Latchkey holds the directory and its cluster does not answer.
    #[error(
        "another Latchkey is using {}, but its PostgreSQL did not respond within {seconds} seconds: see {}",
        .dir.display(),
        .log.display()
    )]
    NotAttached {
        dir: PathBuf,
        /// How long was waited, in seconds.
        seconds: u64,
        log: PathBuf,
    },
    /// The record of a cluster is there, and the cluster is not.
    #[error(
        "the PostgreSQL cluster in {} is missing: move it back, mount it or restore a backup; to start with \
         an empty database, delete {}",
        .dir.display(),
        .record.display()
    )]
    ClusterMissing { dir: PathBuf, record: PathBuf },
    /// The cluster disappeared while it was in use.
    #[error(
        "the PostgreSQL cluster that Latchkey was using is no longer in {}: move it back and start again",
        .dir.display()
    )]
    DataGone { dir: PathBuf },
    /// The cluster's files belong to another account than the one that PostgreSQL runs as.
    #[error(
        "{} belongs to uid {owner}, but PostgreSQL runs as `{account}`, which must own it: run `chown -R {account} {}`",
        .path.display(), .dir.display()
    )]
    ClusterOfAnotherUser {
        dir: PathBuf,
        /// What in it belongs to another user.
        path: PathBuf,
        owner: u32,
        account: String,
    },
    /// PostgreSQL was started while the directory had another name, and still runs.
    #[error(
        "{} was moved while PostgreSQL (process {pid}) was running in it, and that process still runs: move it back to {}, or stop the process with `kill -INT {pid}`; then start again",
        .dir.display(), .before.display()
    )]
    MovedWhileRunning { dir: PathBuf, before: PathBuf, pid: u32 },
    /// A PostgreSQL process works in the cluster, and its pid file is unreadable.
    #[error(
        "PostgreSQL (process {pid}) is still running in {}, but its postmaster.pid is unreadable: stop it \
         with `kill -INT {pid}`, then start again",
        .dir.display()
    )]
    StillAtWork { dir: PathBuf, pid: u32 },
    #[error(
        "the disk of {} is full: free some space, and PostgreSQL resumes",
        .path.display()
    )]
    DiskFull {
        /// What could not be written, or the directory of the cluster.
        path: PathBuf,
    },
    /// `initdb` or the first set-up of the database failed.
    #[error("a PostgreSQL cluster could not be created in {}: {output}", .dir.display())]
    NotInitialised {
        /// Where it was to be made.
        dir: PathBuf,
        /// Last lines of the program's output.
        output: String,
    },
    /// The server ended before it was ready.
    #[error("PostgreSQL exited during startup; {} ends with: {tail}", .log.display())]
    EndedWhileStarting { log: PathBuf, tail: String },
    /// The server did not become ready in time.
    #[error("PostgreSQL was not ready within {seconds} seconds: see {}", .log.display())]
    NotReady {
        /// How long was waited, in seconds.
        seconds: u64,
        log: PathBuf,
    },
    /// The server answered with an error.
    #[error("PostgreSQL on the socket in {} refused the connection: {cause}", .socket_dir.display())]
    Refused { socket_dir: PathBuf, cause: String },
    #[error("PostgreSQL (process {pid}) did not stop within {seconds} seconds")]
    NotStopped {
        pid: u32,
        /// How long was waited, in seconds.
        seconds: u64,
    },
    /// This system has no package manager that Latchkey knows.
    #[error("--install-postgres supports apt-get, dnf, apk and brew, and found none of them: {hint}")]
    NoPackageSystem { hint: &'static str },
    #[error("`{command}` failed ({outcome}): see its output above")]
    InstallFailed {
        /// The command line that was run.
        command: String,
        outcome: String,
    },
    #[error("could not {action} {}: {cause}", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
}

/// How programs say that a disk is full.
const NO_SPACE: &str = "No space left on device";

impl Error {
    /// The error itself, or, if a program said so in `output`, that the disk of the cluster is full.
    pub(super) fn or_disk_full(self, output: &str, cluster_dir: &Path) -> Self {
        if output.contains(NO_SPACE) { Self::DiskFull { path: cluster_dir.to_owned() } } else { self }
    }

    /// Whether a later attempt may succeed although nobody has changed a setting or put something back.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::EndedWhileStarting { .. }
                | Self::DiskFull { .. }
                | Self::NotReady { .. }
                | Self::Refused { .. }
                | Self::NotStopped { .. }
                | Self::StillAtWork { .. }
                | Self::Io { .. }
        )
    }

    /// For `map_err`: an I/O error with what was tried on which path.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| match cause.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { action, path, cause },
        }
    }
}

fn pid_note(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
