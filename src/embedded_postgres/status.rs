//! What there is to know about the cluster without starting it.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::finder::Installation;
use super::layout::Layout;
use super::pid_file::PidFile;
use super::settings::ClusterSettings;
use super::{client, initialise};

/// The state of the cluster on disk and of its processes.
#[derive(Debug, Clone)]
pub struct Status {
    /// Process number of the postmaster, where the cluster is running.
    pub pid: Option<u32>,
    /// Major version of the data; `None` where there is no cluster yet.
    pub data_version: Option<u32>,
    /// The programs that fit the data; `None` where there are none.
    pub programs: Option<Installation>,
    pub cluster_dir: PathBuf,
    pub socket_dir: PathBuf,
    pub log: PathBuf,
    /// Size of all files in the data directory, in bytes.
    pub size: u64,
}

impl Status {
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.pid.is_some()
    }
}

/// Looks at the cluster; works while it runs and while it does not, for its owner and for root.
pub fn status(settings: &ClusterSettings) -> Result<Status, Error> {
    let layout = Layout::new(&settings.data_dir)?;
    let running = PidFile::read(&layout.cluster_dir)?.filter(|file| file.is_of(&layout.cluster_dir));
    Ok(Status {
        pid: running.as_ref().map(|file| file.pid.as_raw_nonzero().get().cast_unsigned()),
        data_version: initialise::data_version(&layout.cluster_dir)?,
        programs: client::programs(settings, &layout).ok(),
        socket_dir: running.and_then(|file| file.socket_dir).unwrap_or(layout.socket_dir),
        log: layout.log,
        size: size_of(&layout.cluster_dir),
        cluster_dir: layout.cluster_dir,
    })
}

/// Files of a running cluster come and go, so one that cannot be looked at counts as nothing.
fn size_of(dir: &Path) -> u64 {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
