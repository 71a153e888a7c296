//! Thumbprints of public keys (RFC 7638): how a key is named where the key itself is not needed.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

/// The SHA-256 thumbprint of a public key; as text, the `jkt` of RFC 9449 §6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyThumbprint(pub [u8; 32]);

impl KeyThumbprint {
    /// The thumbprint of a JWK of which only the required members are left, in alphabetical order and without
    /// white space (RFC 7638 §3).
    #[must_use]
    pub fn of(required_members: &str) -> Self {
        let mut thumbprint = [0; 32];
        thumbprint.copy_from_slice(digest::digest(&digest::SHA256, required_members.as_bytes()).as_ref());
        Self(thumbprint)
    }

    /// Whether `proven` is this key.
    #[must_use]
    pub fn is(&self, proven: Option<Self>) -> bool {
        proven.is_some_and(|proven| self.0.ct_eq(&proven.0).into())
    }
}

impl fmt::Display for KeyThumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}
