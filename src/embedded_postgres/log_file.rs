//! The cluster's log: one file, kept from growing without bound, with the previous run's beside it.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::account::Account;
use super::error::Error;
use super::layout::Layout;
use super::owned_file;

/// Size, in bytes, at which a running cluster's log starts over.
const LIMIT: u64 = 16 * 1024 * 1024;

/// How much of the log's end, in bytes, is looked at for an error message.
const TAIL: u64 = 4096;

/// Puts the previous run's log aside.
pub(super) fn put_aside(path: &Path) -> Result<(), Error> {
    match fs::rename(path, path.with_extension("log.old")) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(Error::Io { action: "move aside", path: path.to_owned(), cause })
        }
        _ => Ok(()),
    }
}

/// Empties the log where it is over its limit; the server appends, so it goes on at the beginning.
pub(super) fn keep_bounded(path: &Path, account: &Account) {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.len() > LIMIT)
        && let Err(error) = owned_file::open(path, account)
            .and_then(|file| file.set_len(0).map_err(Error::io("shorten", path)))
    {
        tracing::warn!(%error, "PostgreSQL log not truncated");
    }
}

/// The log's last lines in one line.
pub(super) fn tail(path: &Path) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    last_lines(&String::from_utf8_lossy(&read().unwrap_or_default()))
}

/// The server ended before it was ready; its log says why.
pub(super) fn ended_while_starting(layout: &Layout) -> Error {
    let tail = tail(&layout.log);
    let ended = Error::EndedWhileStarting { log: layout.log.clone(), tail: tail.clone() };
    ended.or_disk_full(&tail, &layout.cluster_dir)
}

/// The last eight lines of a program's output in one line.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return "(nothing)".to_owned();
    }
    lines[lines.len().saturating_sub(8)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_told() {
        let text = (0..20).map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n\n");
        assert!(last_lines(&text).starts_with("line 12 | "));
        assert!(last_lines(&text).ends_with("line 19"));
        assert_eq!(last_lines("\n"), "(nothing)");
    }
}
