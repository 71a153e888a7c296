//! Bearer secrets: device codes, refresh tokens, client secrets and cookies.
//!
//! `lkd_` + 43 characters of base 62 (256 bits) + 6 of CRC-32: scanners recognize a leaked secret by its prefix, and a
//! mistyped or invented one is rejected without a database query. Only its SHA-256 hash is stored, which is enough for
//! 256 random bits.

use std::fmt;

use aws_lc_rs::digest;
use zeroize::Zeroizing;

use crate::random::Random;

pub(super) const BASE: u64 = 62;
pub(super) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62⁴³ > 2²⁵⁶.
const RANDOM_CHARS: usize = 43;
/// 62⁶ > 2³².
const CHECKSUM_CHARS: usize = 6;

/// What a secret is for; one kind is never accepted for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// A device code (RFC 8628 §3.2).
    DeviceCode,
    /// A refresh token (RFC 6749 §1.5).
    RefreshToken,
    /// A client's secret (RFC 6749 §2.3.1).
    ClientSecret,
    Browser,
    /// What lets somebody register clients (RFC 7591 §3, initial access token).
    InitialAccess,
    /// What a client manages its registration with (RFC 7592 §2, registration access token).
    RegistrationAccess,
    /// A link to choose a password by.
    PasswordLink,
    /// What the link "this was not me" carries.
    NotMe,
    /// A link by which the first administrator makes their account.
    FirstAdministrator,
}

impl SecretKind {
    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::DeviceCode => "lkd_",
            Self::RefreshToken => "lkr_",
            Self::ClientSecret => "lks_",
            Self::Browser => "lkb_",
            Self::InitialAccess => "lki_",
            Self::RegistrationAccess => "lkm_",
            Self::PasswordLink => "lkp_",
            Self::NotMe => "lkn_",
            Self::FirstAdministrator => "lkf_",
        }
    }
}

/// SHA-256 of a secret: what the database knows of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    /// The hash of any bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(hash)
    }
}

/// A secret in the clear. It prints as dots and is wiped when dropped.
#[derive(Clone)]
pub struct BearerSecret(Zeroizing<String>);

impl BearerSecret {
    #[must_use]
    pub fn generate(kind: SecretKind, random: &Random) -> Self {
        Self::of_body(kind, &Zeroizing::new(random.characters(BASE62, RANDOM_CHARS)))
    }

    /// The secret with this body, between its prefix and its checksum.
    pub(super) fn of_body(kind: SecretKind, body: &str) -> Self {
        Self(Zeroizing::new(format!("{}{body}{}", kind.prefix(), checksum(kind, body))))
    }

    /// The body of a secret of this kind, if its checksum is right.
    pub(super) fn body(kind: SecretKind, text: &str) -> Option<&str> {
        let rest = text.strip_prefix(kind.prefix()).filter(|rest| rest.is_ascii())?;
        let (body, given) = rest.split_at_checked(rest.len().checked_sub(CHECKSUM_CHARS)?)?;
        (checksum(kind, body) == given).then_some(body)
    }

    /// Reads a secret that somebody presents: `None` when its kind, length or checksum is wrong.
    #[must_use]
    pub fn parse(kind: SecretKind, text: &str) -> Option<Self> {
        let body = Self::body(kind, text)?;
        (body.len() == RANDOM_CHARS).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// What is stored and looked up.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }

    /// The secret itself, to hand it to whom it belongs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerSecret(…)")
    }
}

fn checksum(kind: SecretKind, body: &str) -> String {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(kind.prefix().as_bytes());
    hasher.update(body.as_bytes());
    digits::<CHECKSUM_CHARS>(u64::from(hasher.finalize())).collect()
}

/// The digits of a number in base 62, the highest first.
pub(super) fn digits<const COUNT: usize>(mut number: u64) -> impl Iterator<Item = char> {
    let mut digits = [b'0'; COUNT];
    for digit in digits.iter_mut().rev() {
        let (rest, value) = (number / BASE, number % BASE);
        *digit = usize::try_from(value).map_or(b'0', |value| BASE62[value]);
        number = rest;
    }
    digits.into_iter().map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_accepted_for_its_own_kind_only() {
        let secret = BearerSecret::generate(SecretKind::DeviceCode, &Random::system());
        assert_eq!(secret.expose().len(), 53);
        let read = BearerSecret::parse(SecretKind::DeviceCode, secret.expose()).unwrap();
        assert_eq!(read.hash(), secret.hash());
        assert!(BearerSecret::parse(SecretKind::RefreshToken, secret.expose()).is_none());
        let renamed = secret.expose().replace("lkd_", "lkr_");
        assert!(BearerSecret::parse(SecretKind::RefreshToken, &renamed).is_none());
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let secret = BearerSecret::generate(SecretKind::RefreshToken, &Random::system());
        for index in 0..secret.expose().len() {
            let mut bytes = secret.expose().as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(BearerSecret::parse(SecretKind::RefreshToken, &changed).is_none(), "at {index}");
        }
        for garbage in ["", "lkr_", "é", &"lkr_é".repeat(20)] {
            assert!(BearerSecret::parse(SecretKind::RefreshToken, garbage).is_none());
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        let secret = BearerSecret::generate(SecretKind::Browser, &Random::system());
        assert_eq!(format!("{secret:?}"), "BearerSecret(…)");
    }
}
