//! Latchkey's data directory: where it is, whose it is, and whether the cluster's account can reach it.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::error::Error;
use super::finder::Installation;
use super::layout::Layout;
use super::{environment, owned_file};

/// Where Latchkey keeps its data unless told otherwise: a directory of the system for root, else one of the user.
pub fn default_data_dir() -> Result<PathBuf, Error> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/latchkey"));
    }
    let home = environment::absolute_path("HOME");
    let data_home = if cfg!(target_os = "macos") {
        home.map(|home| home.join("Library/Application Support"))
    } else {
        environment::absolute_path("XDG_DATA_HOME").or_else(|| Some(home?.join(".local/share")))
    };
    data_home.map(|dir| dir.join("latchkey")).ok_or(Error::NoHome)
}

/// Makes the data directory with mode 0700 and the account's ownership, or checks the existing one.
pub(super) fn prepare(layout: &Layout, account: &Account) -> Result<(), Error> {
    let dir = &layout.data_dir;
    if let Some(parent) = dir.parent() {
        make_parents(parent)?;
    }
    match fs::create_dir(dir) {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => check_existing(layout, account)?,
        Err(cause) => return Err(Error::Io { action: "create the directory", path: dir.clone(), cause }),
    }
    let metadata = fs::metadata(dir).map_err(Error::io("read", dir))?;
    if metadata.mode() & 0o7777 != 0o700 {
        fs::set_permissions(dir, Permissions::from_mode(0o700))
            .map_err(Error::io("restrict the permissions of", dir))?;
    }
    if metadata.uid() != account.uid {
        lchown(dir, Some(account.uid), Some(account.gid)).map_err(Error::io("change the owner of", dir))?;
    }
    Ok(())
}

/// Fails if the account does not own the cluster, as after `cp` by another user. A cluster that is open to others, which
/// PostgreSQL refuses, is closed to them.
pub(super) fn check_cluster(layout: &Layout, account: &Account) -> Result<(), Error> {
    let dir = &layout.cluster_dir;
    for path in [dir.clone(), dir.join("PG_VERSION"), dir.join("global/pg_control")] {
        if let Ok(metadata) = fs::symlink_metadata(&path)
            && metadata.uid() != account.uid
        {
            let (dir, account) = (dir.clone(), account.name.clone());
            return Err(Error::ClusterOfAnotherUser { dir, path, owner: metadata.uid(), account });
        }
    }
    if fs::symlink_metadata(dir).is_ok_and(|metadata| metadata.is_dir() && metadata.mode() & 0o027 != 0) {
        tracing::warn!(path = %dir.display(), "cluster directory readable by others; permissions restricted");
        fs::set_permissions(dir, Permissions::from_mode(0o700))
            .map_err(Error::io("restrict the permissions of", dir))?;
    }
    Ok(())
}

pub(super) fn prepare_socket_dir(layout: &Layout, account: &Account) -> Result<(), Error> {
    if !layout.socket_is_inside() {
        tracing::debug!(path = %layout.socket_dir.display(), "socket placed elsewhere: data directory path too long");
    }
    owned_file::ensure_socket_dir(&layout.socket_dir, account)
}

/// Fails where the account may not enter the data directory, or the place where it is to be made.
pub(super) fn check_reach(layout: &Layout, account: &Account) -> Result<(), Error> {
    if !account.differs_from_own() {
        return Ok(());
    }
    let nearest = layout.data_dir.ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
    let of_root = fs::metadata(nearest).is_ok_and(|metadata| metadata.uid() == 0);
    // An existing data directory of root's is about to be handed over; its parents are not.
    let to_reach =
        if nearest == layout.data_dir && of_root { nearest.parent().unwrap_or(nearest) } else { nearest };
    // Tried rather than read from the modes, which do not tell everything; they only help to name the place.
    match account.command(Path::new("/bin/sh"), to_reach).args(["-c", ":"]).output() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::DirectoryOutOfReach {
            dir: first_closed(to_reach, account).unwrap_or(to_reach).to_owned(),
            account: account.name.clone(),
        }),
    }
}

/// Fails where the account may not run the programs.
pub(super) fn check_programs(account: &Account, installation: &Installation) -> Result<(), Error> {
    let initdb = installation.bin_dir.join("initdb");
    match account.command(&initdb, Path::new("/")).arg("--version").output() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::ProgramsOutOfReach {
            dir: installation.bin_dir.clone(),
            account: account.name.clone(),
        }),
    }
}

fn check_existing(layout: &Layout, account: &Account) -> Result<(), Error> {
    let dir = &layout.data_dir;
    let metadata = fs::metadata(dir).map_err(Error::io("read", dir))?;
    if metadata.uid() != account.uid && !rustix::process::geteuid().is_root() {
        return Err(Error::DirectoryOfAnotherUser { dir: dir.clone(), owner: metadata.uid() });
    }
    let is_private = metadata.uid() == account.uid && metadata.mode() & 0o777 == 0o700;
    let is_empty = || fs::read_dir(dir).map(|mut entries| entries.next().is_none());
    // Anything else is not to be closed or handed to another user on the strength of a mistyped setting.
    if is_private || layout.lock.exists() || is_empty().map_err(Error::io("read", dir))? {
        return Ok(());
    }
    Err(Error::DirectoryNotOurs { dir: dir.clone() })
}

fn make_parents(dir: &Path) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent() {
        make_parents(parent)?;
    }
    fs::create_dir(dir).map_err(Error::io("create the directory", dir))?;
    // Under a closed umask of root's the cluster's account could not walk through.
    let mode = if rustix::process::geteuid().is_root() { 0o755 } else { 0o700 };
    fs::set_permissions(dir, Permissions::from_mode(mode)).map_err(Error::io("set the mode of", dir))
}

/// The first directory from the root on that the account may not enter, by its mode.
fn first_closed<'a>(dir: &'a Path, account: &Account) -> Option<&'a Path> {
    let mut way: Vec<_> = dir.ancestors().collect();
    way.reverse();
    way.into_iter().find(|dir| fs::metadata(dir).is_ok_and(|metadata| !may_enter(&metadata, account)))
}

fn may_enter(metadata: &fs::Metadata, account: &Account) -> bool {
    let bit = if metadata.uid() == account.uid {
        0o100
    } else if metadata.gid() == account.gid {
        0o010
    } else {
        0o001
    };
    metadata.mode() & bit != 0
}
