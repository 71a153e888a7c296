//! The one key from which all others are derived: 32 bytes, written as 64 hexadecimal digits.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::random::Random;

/// The master key.
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read or written.
    #[error("the master key file {path} cannot be used: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not exist.
    #[error(
        "the master key file {path} is missing, and what the database holds cannot be read without it: put your copy \
         of the file back (mode 0600); README, \"Master key\", says what to do without a copy",
        path = path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file does not hold 64 hexadecimal digits.
    #[error(
        "the master key file {path} does not hold 64 hexadecimal digits: put your copy of the file back, or for a new \
         database create one with: openssl rand -hex 32",
        path = path.display()
    )]
    MalformedFile {
        /// The file.
        path: PathBuf,
    },
    /// Others may read the file.
    #[error(
        "the master key file {path} may be read by others (mode {mode:03o}); run: chmod 600 {path}",
        path = path.display()
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not 64 hexadecimal digits.
    #[error("the master key must be 64 hexadecimal digits; make one with: openssl rand -hex 32")]
    Malformed,
}

impl MasterKey {
    /// A key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), &mut bytes[..]).map_err(|_| MasterKeyError::Malformed)?;
        Ok(Self(bytes))
    }

    /// Reads the key from a file that only its owner may read.
    pub fn read(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => MasterKeyError::Missing { path: path.to_owned() },
            _ => MasterKeyError::File { path: path.to_owned(), source },
        };
        let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::TooOpen { path: path.to_owned(), mode });
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
        Self::parse(&text).map_err(|_| MasterKeyError::MalformedFile { path: path.to_owned() })
    }

    /// Reads the key, or makes one when the file does not exist. It is written whole or not at all.
    pub fn read_or_create(path: &Path, random: &Random) -> Result<Self, MasterKeyError> {
        // A file that cannot be looked at is not a missing one.
        match Self::read(path) {
            Err(MasterKeyError::Missing { .. }) => {}
            read => return read,
        }
        let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut bytes[..]);
        let draft = path.with_extension(format!("new-{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(failed)?;
        let text = Zeroizing::new(format!("{}\n", hex::encode(&bytes[..])));
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        // A hard link never replaces: of two processes that start together, the second takes the first's key.
        let linked = std::fs::hard_link(&draft, path);
        std::fs::remove_file(&draft).map_err(failed)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(error)),
            _ => Self::read(path),
        }
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        let folder = std::env::temp_dir().join(format!("latchkey-master-key-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("master.key");
        let made = MasterKey::read_or_create(&path, &Random::system()).unwrap();
        let read = MasterKey::read_or_create(&path, &Random::system()).unwrap();
        assert_eq!(made.bytes(), read.bytes());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(MasterKey::read(&path), Err(MasterKeyError::TooOpen { mode: 0o640, .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_malformed_key_is_refused() {
        assert!(MasterKey::parse("abc").is_err());
        assert!(MasterKey::parse(&"g".repeat(64)).is_err());
        assert!(MasterKey::parse(&"0f".repeat(32)).is_ok());
    }
}
