//! Secrets that the server can compute and need not store: device codes and refresh tokens.
//!
//! 56 bytes in base 62, between the prefix of the kind and a CRC-32 as [`super::bearer_secret`] has it:
//!
//! | bytes | content |
//! |---|---|
//! | 1 | version, [`VERSION`] |
//! | 7 | a number: the generation of a refresh token, the end of a device code |
//! | 16 | the identifier of the device or the authorization |
//! | 16 | random bytes |
//! | 16 | the first 128 bits of HMAC-SHA-256 over the kind, the tenant and everything before |
//!
//! The database has the SHA-256 of the random bytes, the server has the MAC key. Neither is enough for a secret.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::bearer_secret::{BASE, BearerSecret, SecretHash, SecretKind, digits};
use super::ids::TenantId;
use crate::secrets::{MacKey, TAG_BYTES};

const VERSION: u8 = 1;
/// What the number must be below.
const NUMBER_LIMIT: u64 = 1 << 56;
const BYTES: usize = 40 + TAG_BYTES;
/// 62¹¹ > 2⁶⁴: eleven characters for eight bytes.
const WORD_CHARS: usize = 11;
/// The characters between the prefix and the checksum.
const BODY_CHARS: usize = BYTES / 8 * WORD_CHARS;

/// Random bytes that only the holder of a secret has.
pub type RandomPart = Zeroizing<[u8; 16]>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComputedSecret {
    /// A generation, or an end in seconds since 1970. Below 2⁵⁶.
    pub number: u64,
    pub id: Uuid,
    /// The part that cannot be computed from the rest.
    pub random: RandomPart,
}

impl ComputedSecret {
    /// Returns the secret as it is given to its owner.
    #[must_use]
    pub fn write(&self, kind: SecretKind, tenant: TenantId, key: &MacKey) -> BearerSecret {
        let mut bytes = Zeroizing::new([0; BYTES]);
        bytes[..8].copy_from_slice(&(self.number % NUMBER_LIMIT).to_be_bytes());
        bytes[0] = VERSION;
        bytes[8..24].copy_from_slice(self.id.as_bytes());
        bytes[24..40].copy_from_slice(&*self.random);
        let tag = key.tag(&[kind.prefix().as_bytes(), tenant.0.as_bytes(), &bytes[..40]]);
        bytes[40..].copy_from_slice(&tag);
        let mut body = Zeroizing::new(String::with_capacity(BODY_CHARS));
        for word in bytes.chunks_exact(8) {
            let word = word.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            body.extend(digits::<WORD_CHARS>(word));
        }
        BearerSecret::of_body(kind, &body)
    }

    /// Reads a secret that somebody presents. Returns `None` for all that this server, with this key, has not written
    /// for this kind and tenant. The MAC is compared in constant time.
    #[must_use]
    pub fn read(kind: SecretKind, tenant: TenantId, key: &MacKey, text: &str) -> Option<Self> {
        let body = BearerSecret::body(kind, text).filter(|body| body.len() == BODY_CHARS)?;
        let mut bytes = Zeroizing::new([0; BYTES]);
        for (characters, word) in body.as_bytes().chunks_exact(WORD_CHARS).zip(bytes.chunks_exact_mut(8)) {
            word.copy_from_slice(&read_word(characters)?.to_be_bytes());
        }
        let (said, given) = bytes.split_at(40);
        if !key.verify(&[kind.prefix().as_bytes(), tenant.0.as_bytes(), said], given) || said[0] != VERSION {
            return None;
        }
        let mut random = RandomPart::default();
        random.copy_from_slice(&said[24..]);
        let number = said[1..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Some(Self { number, id: Uuid::from_slice(&said[8..24]).ok()?, random })
    }

    /// What the database stores of the random bytes.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of_bytes(&*self.random)
    }
}

/// Eleven digits of base 62, if their value fits into 64 bits.
fn read_word(characters: &[u8]) -> Option<u64> {
    characters.iter().try_fold(0_u64, |word, character| {
        let digit = match character {
            b'0'..=b'9' => character - b'0',
            b'A'..=b'Z' => character - b'A' + 10,
            b'a'..=b'z' => character - b'a' + 36,
            _ => return None,
        };
        word.checked_mul(BASE)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tenant::DEFAULT_TENANT;

    const KIND: SecretKind = SecretKind::RefreshToken;

    fn key(byte: u8) -> MacKey {
        MacKey::new(&[byte; 32]).unwrap()
    }

    fn secret() -> ComputedSecret {
        ComputedSecret { number: 7, id: Uuid::from_u128(0xfeed), random: Zeroizing::new([0xff; 16]) }
    }

    #[test]
    fn a_secret_is_read_as_it_was_written() {
        for number in [0, 1, NUMBER_LIMIT - 1] {
            for byte in [0, 1, 0xff] {
                let written = ComputedSecret { number, random: Zeroizing::new([byte; 16]), ..secret() };
                let text = written.write(KIND, DEFAULT_TENANT, &key(1));
                assert_eq!(text.expose().len(), 87);
                assert_eq!(ComputedSecret::read(KIND, DEFAULT_TENANT, &key(1), text.expose()), Some(written));
            }
        }
    }

    #[test]
    fn another_kind_tenant_or_key_reads_nothing() {
        let text = secret().write(KIND, DEFAULT_TENANT, &key(1));
        let other = TenantId(Uuid::from_u128(9));
        assert_eq!(ComputedSecret::read(KIND, DEFAULT_TENANT, &key(2), text.expose()), None);
        assert_eq!(ComputedSecret::read(KIND, other, &key(1), text.expose()), None);
        assert_eq!(
            ComputedSecret::read(SecretKind::DeviceCode, DEFAULT_TENANT, &key(1), text.expose()),
            None
        );
    }

    /// Somebody who knows the format writes a checksum of their own.
    #[test]
    fn every_forged_field_is_noticed() {
        let text = secret().write(KIND, DEFAULT_TENANT, &key(1)).expose().to_owned();
        let body = BearerSecret::body(KIND, &text).unwrap();
        for at in 0..body.len() {
            for digit in ['0', '1', 'z'] {
                let mut forged: Vec<char> = body.chars().collect();
                if forged[at] == digit {
                    continue;
                }
                forged[at] = digit;
                let forged = BearerSecret::of_body(KIND, &forged.into_iter().collect::<String>());
                assert_eq!(
                    ComputedSecret::read(KIND, DEFAULT_TENANT, &key(1), forged.expose()),
                    None,
                    "{at}"
                );
            }
        }
    }

    #[test]
    fn what_is_too_long_too_short_or_too_large_is_nothing() {
        let long = format!("{}0", "0".repeat(BODY_CHARS));
        for body in ["", "0", &long, &long[2..], &"z".repeat(BODY_CHARS), &"é".repeat(BODY_CHARS / 2)] {
            let text = BearerSecret::of_body(KIND, body);
            assert_eq!(ComputedSecret::read(KIND, DEFAULT_TENANT, &key(1), text.expose()), None, "{body}");
        }
        assert_eq!(ComputedSecret::read(KIND, DEFAULT_TENANT, &key(1), "é"), None);
    }
}
