//! Files and directories that root writes for the cluster's account.
//!
//! The account owns the directory, so nothing here follows a symbolic link that it may have put there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown, lchown};
use std::path::Path;

use rustix::fs::OFlags;

use super::account::Account;
use super::error::Error;

/// Opens or makes a file of mode 0600, for reading and for writing at its end.
pub(super) fn open(path: &Path, account: &Account) -> Result<File, Error> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(no_follow())
        .open(path)
        .map_err(Error::io("open", path))?;
    give(&file, account).map_err(Error::io("change the owner of", path))?;
    Ok(file)
}

/// Writes a whole file of mode 0600 in one step: a reader sees the old or the new text.
pub(super) fn replace(path: &Path, text: &str, account: &Account) -> Result<(), Error> {
    let new = path.with_extension("new");
    let write = || {
        match fs::remove_file(&new) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        give(&file, account)?;
        fs::rename(&new, path)
    };
    write().map_err(Error::io("write", path))
}

/// Makes the socket's directory with mode 0700, or checks that the existing one is private to the account.
pub(super) fn ensure_socket_dir(path: &Path, account: &Account) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Error::Io { action: "create the directory", path: path.to_owned(), cause });
        }
        _ => {}
    }
    let metadata = fs::symlink_metadata(path).map_err(Error::io("read", path))?;
    let own = rustix::process::geteuid().as_raw();
    let owned = metadata.uid() == account.uid || metadata.uid() == own;
    if !metadata.is_dir() || !owned || metadata.mode() & 0o077 != 0 {
        return Err(Error::SocketDirNotOurs { dir: path.to_owned(), account: account.name.clone() });
    }
    if metadata.uid() != account.uid {
        lchown(path, Some(account.uid), Some(account.gid)).map_err(Error::io("change the owner of", path))?;
    }
    Ok(())
}

fn give(file: &File, account: &Account) -> io::Result<()> {
    if account.differs_from_own() { fchown(file, Some(account.uid), Some(account.gid)) } else { Ok(()) }
}

fn no_follow() -> i32 {
    OFlags::NOFOLLOW.bits().cast_signed()
}
