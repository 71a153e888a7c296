//! The lock that says which Latchkey owns a cluster; the system lets go of it when its process ends, however it ends.

use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::account::Account;
use super::error::Error;
use super::layout::Layout;
use super::owned_file;

/// How often a held lock is tried again.
const RETRY: Duration = Duration::from_millis(50);

/// The held lock; dropping it lets go.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or `None` where another process has it.
    pub(super) fn try_take(layout: &Layout, account: &Account) -> Result<Option<Self>, Error> {
        let mut file = owned_file::open(&layout.lock, account)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(errno) => return Err(Error::io("lock", &layout.lock)(errno.into())),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(Error::io("write", &layout.lock))?;
        Ok(Some(Self { _file: file }))
    }

    /// Takes the lock, waiting for at most `patience`; then it is refused.
    pub(super) async fn take(layout: &Layout, account: &Account, patience: Duration) -> Result<Self, Error> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            if let Some(lock) = Self::try_take(layout, account)? {
                return Ok(lock);
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(Error::InUse { dir: layout.data_dir.clone(), pid: holder(layout) });
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// The process that wrote its number into the lock file.
fn holder(layout: &Layout) -> Option<u32> {
    fs::read_to_string(&layout.lock).ok()?.trim().parse().ok()
}
