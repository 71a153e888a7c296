//! A file about addresses, in memory. A new one takes the old one's place at once and whole.

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use maxminddb::Reader;

use super::probe::{Finding, ProbeError, Subject, probe};
use super::value::Value;
use crate::model::place::Place;

/// What a file was read into.
type InMemory = Reader<Vec<u8>>;

/// A file that is read again when it changes.
#[derive(Debug)]
pub(super) struct WatchedFile {
    subject: Subject,
    path: Option<PathBuf>,
    reader: RwLock<Option<Arc<InMemory>>>,
    /// Why the file is not in use as it is now.
    trouble: RwLock<Option<String>>,
    /// As what the file was last seen, read or not; held while it is read.
    seen: Mutex<Seen>,
}

/// What tells one version of a file from the next.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Never,
    Missing(io::ErrorKind),
    Version { bytes: u64, modified: (i64, i64), inode: u64 },
}

impl WatchedFile {
    pub(super) fn new(subject: Subject, path: Option<PathBuf>) -> Self {
        Self {
            subject,
            path,
            reader: RwLock::default(),
            trouble: RwLock::default(),
            seen: Mutex::new(Seen::Never),
        }
    }

    pub(super) fn is_named(&self) -> bool {
        self.path.is_some()
    }

    /// Why the file is not in use as it is now; `None` if it is, or if there is none to read.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, trouble: Option<String>) {
        *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// Adds what the file says of an address. Returns `true` if it has a record of it.
    pub(super) fn tell(&self, address: IpAddr, place: &mut Place) -> bool {
        if self.path.is_none() {
            return false;
        }
        let reader = self.reader.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(reader) = reader else { return false };
        let found = match reader.lookup(address) {
            Ok(found) => found.decode::<Value<'_>>(),
            // An address of IPv6 in a file about IPv4: nothing is known of it.
            Err(_) => return false,
        };
        match found {
            Ok(Some(record)) => self.subject.tell(&record, place),
            Ok(None) => false,
            Err(_) => {
                metrics::counter!("latchkey_geo_record_failures_total", "file" => self.subject.name())
                    .increment(1);
                false
            }
        }
    }

    /// Reads the file if it is another one than before.
    pub(super) fn reread(&self) {
        let (Some(path), name) = (&self.path, self.subject.name()) else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at before it is read: what changes meanwhile is noticed the next time.
        let now = Seen::at(path);
        if *seen == now {
            return;
        }
        *seen = now;
        match read(path, self.subject) {
            Ok((reader, finding)) => {
                let (built, database_type) =
                    (reader.metadata().build_epoch, &reader.metadata().database_type);
                let Finding { records, useful, broken, .. } = finding;
                tracing::info!(path = %path.display(), built, kind = name, database_type, "geo file loaded");
                metrics::gauge!("latchkey_geo_file_useful_records_ratio", "file" => name)
                    .set(f64::from(useful) / f64::from(records.max(1)));
                if finding.is_poor() {
                    tracing::warn!(path = %path.display(), kind = name, database_type, records, useful, broken,
                                   "geo file contains little; possibly the wrong file");
                }
                #[expect(clippy::cast_precision_loss, reason = "seconds of this age")]
                metrics::gauge!("latchkey_geo_file_build_timestamp_seconds", "file" => name)
                    .set(built as f64);
                *self.reader.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(reader));
                self.note(None);
            }
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), kind = name, "geo file rejected; previous file kept");
                metrics::counter!("latchkey_geo_file_failures_total", "file" => name).increment(1);
                self.note(Some(format!("geo.{name}_file is invalid: {error}")));
            }
        }
    }
}

impl Seen {
    fn at(path: &Path) -> Self {
        match path.metadata() {
            Ok(found) => Self::Version {
                bytes: found.len(),
                modified: (found.mtime(), found.mtime_nsec()),
                inode: found.ino(),
            },
            Err(error) => Self::Missing(error.kind()),
        }
    }
}

/// Reads a file and looks all of it through, since one that was cut off or mixed up may answer for years, and one about
/// something else may never answer.
fn read(path: &Path, subject: Subject) -> Result<(InMemory, Finding), ProbeError> {
    let reader = Reader::open_readfile(path)?;
    reader.verify()?;
    let finding = probe(&reader, subject)?;
    Ok((reader, finding))
}
