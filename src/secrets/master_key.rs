//! One master key: 32 bytes, written as 64 hexadecimal digits.

use zeroize::Zeroizing;

use crate::random::Random;
use aws_lc_rs::hkdf;

/// What a master key is called in the database, on the command line and in the log. It is derived from the key, so that
/// it is the same everywhere and tells nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(pub [u8; Self::BYTES]);

impl KeyName {
    /// The length in bytes.
    pub const BYTES: usize = 4;
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::fmt::Debug for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyName({self})")
    }
}

pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A key of these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    #[must_use]
    pub fn generate(random: &Random) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut bytes[..]);
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits. Returns `None` if it is anything else.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, &mut bytes[..]).ok()?;
        Some(Self(bytes))
    }

    /// Returns 64 hexadecimal digits.
    #[must_use]
    pub fn digits(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(&self.0[..]))
    }

    #[must_use]
    pub fn name(&self) -> KeyName {
        let mut name = [0; KeyName::BYTES];
        name.copy_from_slice(&self.expand("key name")[..KeyName::BYTES]);
        KeyName(name)
    }

    pub(super) fn expand(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        expand(&self.0, purpose)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Returns the key that is derived from `master` for a purpose.
fn expand(master: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0_u8; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"latchkey v1")
        .extract(master)
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut key[..]))
        .expect("HKDF-SHA-256 gives 32 bytes");
    key
}
