//! Which cluster a data directory holds: so that one that is gone is not replaced by a new, empty one.
//!
//! Latchkey writes the cluster's identifier into a record beside it. A record without a cluster means lost data.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use super::account::Account;
use super::error::Error;
use super::layout::Layout;
use super::{initialise, owned_file};

/// PostgreSQL's system identifier: `initdb` draws it, and no other cluster has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64);

impl Identity {
    /// Reads the identity of the cluster in `cluster_dir`, the first eight bytes of its control file.
    pub(super) fn read(cluster_dir: &Path) -> io::Result<Self> {
        let mut bytes = [0; 8];
        File::open(cluster_dir.join("global/pg_control"))?.read_exact(&mut bytes)?;
        Ok(Self(u64::from_ne_bytes(bytes)))
    }

    /// Fails where the cluster is no longer in its directory. An error that says nothing about that, such as too many
    /// open files, does not count.
    pub(super) fn check(self, layout: &Layout) -> Result<(), Error> {
        let is_there = match Self::read(&layout.cluster_dir) {
            Ok(found) => found == self,
            Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
        };
        if is_there { Ok(()) } else { Err(Error::DataGone { dir: layout.cluster_dir.clone() }) }
    }

    /// Writes the record beside the cluster.
    pub(super) fn record(self, layout: &Layout, account: &Account) -> Result<(), Error> {
        let text = format!("{}\n", self.0);
        if fs::read_to_string(&layout.record).is_ok_and(|written| written == text) {
            return Ok(());
        }
        owned_file::replace(&layout.record, &text, account)
    }
}

/// Fails where the record says that there was a cluster and there is none.
pub(super) fn check_record(layout: &Layout) -> Result<(), Error> {
    if initialise::data_version(&layout.cluster_dir)?.is_none() && layout.record.exists() {
        let (dir, record) = (layout.cluster_dir.clone(), layout.record.clone());
        return Err(Error::ClusterMissing { dir, record });
    }
    Ok(())
}
