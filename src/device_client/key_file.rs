//! Private keys in files: PKCS #8 as PEM, readable by their owner only.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

pub(super) const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
pub(super) const PEM_END: &str = "-----END PRIVATE KEY-----";
/// An RSA key of 8192 bits takes 6,400 bytes.
const FILE_LIMIT: u64 = 16 * 1024;

/// Why a file gives no key.
#[derive(Debug)]
pub(super) enum KeyFileError {
    Unreadable(io::Error),
    /// Others than its owner may read it.
    Open,
}

/// Reads the text of a key file.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    let file = File::open(path).map_err(KeyFileError::Unreadable)?;
    if file.metadata().map_err(KeyFileError::Unreadable)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyFileError::Open);
    }
    let mut text = Zeroizing::new(String::new());
    file.take(FILE_LIMIT).read_to_string(&mut text).map_err(KeyFileError::Unreadable)?;
    Ok(text)
}

/// The DER inside a PEM text. `None` if it holds no PKCS #8 key.
pub(super) fn pkcs8(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once(PEM_BEGIN)?;
    let (body, _) = rest.split_once(PEM_END)?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}
