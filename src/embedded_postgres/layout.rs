//! Where the parts of the cluster lie below its data directory.

use std::path::{Path, PathBuf};

use super::error::Error;

/// Number by which the socket is named; nothing listens on a network port.
pub(super) const PORT: u16 = 5432;

/// Longest path of a Unix socket, in bytes without the final NUL.
const LONGEST_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) data_dir: PathBuf,
    pub(super) cluster_dir: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) log: PathBuf,
    /// The file whose lock says who owns the cluster.
    pub(super) lock: PathBuf,
    /// Identity of the cluster, written once there is one.
    pub(super) record: PathBuf,
    pub(super) hba: PathBuf,
    /// Which system user is which database user.
    pub(super) ident: PathBuf,
}

impl Layout {
    /// The layout below `data_dir`, made absolute and free of symbolic links as far as it exists.
    pub(super) fn new(data_dir: &Path) -> Result<Self, Error> {
        let absolute = std::path::absolute(data_dir).map_err(Error::io("find", data_dir))?;
        let data_dir = resolve(&absolute);
        Ok(Self {
            cluster_dir: data_dir.join("postgres"),
            socket_dir: socket_dir(&data_dir),
            log: data_dir.join("postgres.log"),
            lock: data_dir.join("latchkey.lock"),
            record: data_dir.join("cluster.id"),
            hba: data_dir.join("pg_hba.conf"),
            ident: data_dir.join("pg_ident.conf"),
            data_dir,
        })
    }

    /// Whether the socket lies below `data_dir`.
    pub(super) fn socket_is_inside(&self) -> bool {
        self.socket_dir.starts_with(&self.data_dir)
    }
}

/// Resolves the part of the path that exists, so that the same directory has one name before and after it is made.
fn resolve(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolve(parent).join(name),
        _ => path.to_owned(),
    })
}

fn socket_dir(data_dir: &Path) -> PathBuf {
    let inside = data_dir.join("socket");
    let longest = inside.as_os_str().len() + format!("/.s.PGSQL.{PORT}").len();
    if longest <= LONGEST_SOCKET_PATH && is_plain(&inside) {
        return inside;
    }
    let hash = fnv1a(data_dir.as_os_str().as_encoded_bytes());
    PathBuf::from(format!("/tmp/latchkey-{hash:016x}"))
}

/// Whether libpq takes the path for one host: it splits its host at commas.
fn is_plain(path: &Path) -> bool {
    path.as_os_str()
        .as_encoded_bytes()
        .iter()
        .all(|byte| byte.is_ascii_graphic() && !b",\"'\\".contains(byte))
}

/// FNV-1a: unlike the standard library's hash it stays the same from one build to the next.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_path_keeps_the_socket_inside() {
        assert_eq!(socket_dir(Path::new("/var/lib/latchkey")), Path::new("/var/lib/latchkey/socket"));
    }

    #[test]
    fn the_last_path_that_fits_is_used_and_the_next_is_not() {
        let rest = "/socket/.s.PGSQL.5432".len();
        let fits = format!("/{}", "d".repeat(LONGEST_SOCKET_PATH - rest - 1));
        assert!(socket_dir(Path::new(&fits)).starts_with(&fits));
        let too_long = format!("{fits}d");
        assert!(socket_dir(Path::new(&too_long)).starts_with("/tmp"));
    }

    #[test]
    fn a_path_that_libpq_would_split_is_not_used() {
        assert!(socket_dir(Path::new("/srv/a,b")).starts_with("/tmp"));
    }

    #[test]
    fn the_short_name_is_stable_and_differs_by_directory() {
        assert_eq!(fnv1a(b"latchkey"), fnv1a(b"latchkey"));
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(socket_dir(Path::new("/srv/a,b")), socket_dir(Path::new("/srv/a,c")));
    }
}
