//! All master keys, as a setting, a file or a folder has them.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::master_key::MasterKey;
use crate::random::Random;

/// The master keys, in their order: the first seals, all open. There is at least one, and none is there twice.
#[derive(Debug)]
pub struct MasterKeys(Vec<MasterKey>);

/// Why there are no master keys.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file cannot be read or written.
    #[error("the master key file {path} could not be read or created: {source}", path = path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(
        "the master key file {path} is missing, and the data in the database cannot be decrypted without \
         it: restore the file from your backup (mode 0600); without a backup see \"Master key\" in \
         docs/operations.md",
        path = path.display()
    )]
    Missing { path: PathBuf },
    /// The file does not hold keys.
    #[error(
        "the master key file {path} must contain 64 hexadecimal digits on each line: restore the file from \
         your backup, or for a new database create one with: openssl rand -hex 32",
        path = path.display()
    )]
    MalformedFile { path: PathBuf },
    #[error(
        "the master key directory {path} contains no file: restore the files from your backup (mode 0600)",
        path = path.display()
    )]
    EmptyFolder { path: PathBuf },
    /// Others may read the file.
    #[error(
        "the master key file {path} is readable by other users (mode {mode:03o}); run: chmod 600 {path}",
        path = path.display()
    )]
    TooOpen { path: PathBuf, mode: u32 },
    /// The text does not hold keys.
    #[error(
        "the master key must be 64 hexadecimal digits, or several such keys; create one with: openssl rand \
         -hex 32"
    )]
    Malformed,
    #[error("the master key {name} is repeated: remove one of them", name = .0)]
    Twice(super::KeyName),
}

impl From<MasterKey> for MasterKeys {
    fn from(key: MasterKey) -> Self {
        Self(vec![key])
    }
}

impl MasterKeys {
    /// Puts keys in an order, the sealing one first.
    ///
    /// # Errors
    /// If there is none, or one is there twice.
    pub fn new(keys: Vec<MasterKey>) -> Result<Self, MasterKeyError> {
        if keys.is_empty() {
            return Err(MasterKeyError::Malformed);
        }
        for (index, key) in keys.iter().enumerate() {
            if keys[..index].iter().any(|other| other.name() == key.name()) {
                return Err(MasterKeyError::Twice(key.name()));
            }
        }
        Ok(Self(keys))
    }

    /// Reads keys with white space between them.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        Self::new(keys_of(text).ok_or(MasterKeyError::Malformed)?)
    }

    /// Reads the keys from a file with one on each line, or from all files of a folder in the order of their names.
    /// Only their owner may be able to read files.
    pub fn read(path: &Path) -> Result<Self, MasterKeyError> {
        if !path.is_dir() {
            return Self::new(read_file(path)?);
        }
        let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
        let entries = std::fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut names: Vec<_> = entries.map_err(failed)?.iter().map(std::fs::DirEntry::file_name).collect();
        // Kubernetes keeps links of its own in a volume, with names that begin with dots.
        names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
        names.sort();
        if names.is_empty() {
            return Err(MasterKeyError::EmptyFolder { path: path.to_owned() });
        }
        let mut keys = Vec::new();
        for name in names {
            keys.extend(read_file(&path.join(name))?);
        }
        Self::new(keys)
    }

    /// Reads the keys, or creates one if the file does not exist. It is written whole or not at all.
    pub fn read_or_create(path: &Path, random: &Random) -> Result<Self, MasterKeyError> {
        // A file that cannot be looked at is not a missing one.
        match Self::read(path) {
            Err(MasterKeyError::Missing { .. }) => {}
            read => return read,
        }
        let failed = |source| MasterKeyError::File { path: path.to_owned(), source };
        let draft = path.with_extension(format!("new-{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .map_err(failed)?;
        let text = Zeroizing::new(format!("{}\n", *MasterKey::generate(random).digits()));
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        // A hard link never replaces: of two processes that start together, the second takes the first's key.
        let linked = std::fs::hard_link(&draft, path);
        std::fs::remove_file(&draft).map_err(failed)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(error)),
            _ => Self::read(path),
        }
    }

    /// Returns the keys, the sealing one first.
    pub fn iter(&self) -> impl Iterator<Item = &MasterKey> {
        self.0.iter()
    }
}

/// Returns `None` if a word is no key.
fn keys_of(text: &str) -> Option<Vec<MasterKey>> {
    text.split_whitespace().map(MasterKey::parse).collect()
}

/// Reads the keys of one file, of which there must be one.
fn read_file(path: &Path) -> Result<Vec<MasterKey>, MasterKeyError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => MasterKeyError::Missing { path: path.to_owned() },
        _ => MasterKeyError::File { path: path.to_owned(), source },
    };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::TooOpen { path: path.to_owned(), mode });
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
    let keys = keys_of(&text).filter(|keys| !keys.is_empty());
    keys.ok_or_else(|| MasterKeyError::MalformedFile { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own that ends with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("latchkey-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn key(byte: u8) -> String {
        hex::encode([byte; 32])
    }

    fn digits(keys: &MasterKeys) -> Vec<String> {
        keys.iter().map(|key| key.digits().to_string()).collect()
    }

    #[test]
    fn a_key_is_created_once_and_kept_private() {
        let folder = Folder::new("created-master-key");
        let path = folder.0.join("master.key");
        let made = MasterKeys::read_or_create(&path, &Random::system()).unwrap();
        let read = MasterKeys::read_or_create(&path, &Random::system()).unwrap();
        assert_eq!(digits(&made), digits(&read));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(MasterKeys::read(&path), Err(MasterKeyError::TooOpen { mode: 0o640, .. })));
    }

    #[test]
    fn a_file_has_one_key_on_each_line() {
        let folder = Folder::new("master-key-file");
        let path = folder.write("keys", &format!("{}\n\n{}\n", key(2), key(1)));
        assert_eq!(digits(&MasterKeys::read(&path).unwrap()), [key(2), key(1)]);
        for broken in ["", "\n", &key(1)[1..], &format!("{}\nold\n", key(1))] {
            let path = folder.write("broken", broken);
            assert!(
                matches!(MasterKeys::read(&path), Err(MasterKeyError::MalformedFile { .. })),
                "{broken:?}"
            );
        }
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_its_names() {
        let folder = Folder::new("master-key-folder");
        let empty = MasterKeys::read(&folder.0);
        assert!(matches!(empty, Err(MasterKeyError::EmptyFolder { .. })), "{empty:?}");
        folder.write("2-old", &key(1));
        let newest = folder.write("1-new", &format!("{}\n", key(2)));
        folder.write("..data", "a link of Kubernetes");
        assert_eq!(digits(&MasterKeys::read(&folder.0).unwrap()), [key(2), key(1)]);
        std::fs::set_permissions(newest, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(MasterKeys::read(&folder.0), Err(MasterKeyError::TooOpen { .. })));
    }

    #[test]
    fn a_malformed_or_repeated_key_is_rejected() {
        for malformed in ["", "abc", &"g".repeat(64), &"0".repeat(63)] {
            assert!(matches!(MasterKeys::parse(malformed), Err(MasterKeyError::Malformed)), "{malformed}");
        }
        assert_eq!(digits(&MasterKeys::parse(&format!(" {} {}", key(1), key(2))).unwrap()), [key(1), key(2)]);
        let twice = MasterKeys::parse(&format!("{0} {1} {0}", key(1), key(2)));
        assert!(matches!(twice, Err(MasterKeyError::Twice(_))), "{twice:?}");
    }
}
