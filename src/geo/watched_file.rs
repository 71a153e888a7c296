//! A file about addresses, in memory. A new one takes the old one's place at once and whole.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use maxminddb::{MaxMindDbError, Reader};

/// What a file was read into.
type InMemory = Reader<Vec<u8>>;

/// A file that is read again when it changes.
#[derive(Debug)]
pub(super) struct WatchedFile {
    /// What it tells of, for log and metrics.
    name: &'static str,
    path: Option<PathBuf>,
    reader: RwLock<Option<Arc<InMemory>>>,
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
    pub(super) fn new(name: &'static str, path: Option<PathBuf>) -> Self {
        Self { name, path, reader: RwLock::default(), seen: Mutex::new(Seen::Never) }
    }

    pub(super) fn is_named(&self) -> bool {
        self.path.is_some()
    }

    /// What the file said when it was last whole.
    pub(super) fn reader(&self) -> Option<Arc<InMemory>> {
        self.path.as_ref()?;
        self.reader.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file if it is another one than before.
    pub(super) fn reread(&self) {
        let (Some(path), name) = (&self.path, self.name) else { return };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at before it is read: what changes meanwhile is noticed the next time.
        let now = Seen::at(path);
        if *seen == now {
            return;
        }
        *seen = now;
        match read(path) {
            Ok(reader) => {
                let built = reader.metadata().build_epoch;
                tracing::info!(file = %path.display(), built, kind = name, "geo file loaded");
                #[expect(clippy::cast_precision_loss, reason = "seconds of this age")]
                metrics::gauge!("latchkey_geo_file_build_timestamp_seconds", "file" => name)
                    .set(built as f64);
                *self.reader.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(reader));
            }
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), kind = name, "geo file rejected; previous file kept");
                metrics::counter!("latchkey_geo_file_failures_total", "file" => name).increment(1);
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

/// Reads a file and looks all of it through, since one that was cut off or mixed up may answer for years.
fn read(path: &Path) -> Result<InMemory, MaxMindDbError> {
    let reader = Reader::open_readfile(path)?;
    reader.verify()?;
    Ok(reader)
}
