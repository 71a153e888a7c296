//! What tells one version of a folder's files from the next.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// All files of a folder, by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Version {
    Missing(io::ErrorKind),
    Files(Vec<(OsString, File)>),
}

/// One file; `None`: it cannot be looked at.
type File = Option<(u64, (i64, i64), u64)>;

impl Version {
    pub(super) fn of(folder: &Path) -> Self {
        match files(folder) {
            Ok(files) => Self::Files(files),
            Err(error) => Self::Missing(error.kind()),
        }
    }
}

fn files(folder: &Path) -> io::Result<Vec<(OsString, File)>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        // A link is what it leads to.
        let file = entry.path().metadata().ok();
        let file = file.map(|file| (file.len(), (file.mtime(), file.mtime_nsec()), file.ino()));
        files.push((entry.file_name(), file));
    }
    files.sort();
    Ok(files)
}
