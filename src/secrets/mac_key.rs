//! A key for message authentication codes.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::seal::DecryptError;
use crate::random::Random;

/// The length of a tag in bytes.
pub const TAG_BYTES: usize = 16;

/// A key for HMAC-SHA-256.
pub struct MacKey(hmac::Key);

impl MacKey {
    /// Returns the bytes of a new key.
    #[must_use]
    pub fn generate(random: &Random) -> Zeroizing<[u8; 32]> {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut bytes[..]);
        bytes
    }

    /// Creates a key from its 32 bytes, which the caller wipes.
    ///
    /// # Errors
    /// If there are not 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, DecryptError> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| DecryptError::Damaged)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// Returns the first 128 bits of the code over `parts`, one after the other. Callers must write no two messages
    /// alike: parts have a fixed length, or all but the last do.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&self.code(parts)[..TAG_BYTES]);
        tag
    }

    /// Returns the whole code, of 256 bits, over `parts`, under the same condition.
    #[must_use]
    pub fn code(&self, parts: &[&[u8]]) -> [u8; 32] {
        super::mac(&self.0, parts)
    }

    /// Returns `true` if `tag` belongs to `parts`. The time taken does not depend on where they differ.
    #[must_use]
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(&self.tag(parts)[..], tag).into()
    }
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_first_half_of_hmac_sha_256() {
        // RFC 4231 test cases 1 and 2 have shorter keys, so this is Python's `hmac` with 32 bytes.
        let key = MacKey::new(&[0x0b; 32]).unwrap();
        assert_eq!(hex::encode(key.tag(&[b"Hi ", b"There"])), "198a607eb44bfbc69903a0f1cf2bbdc5");
    }

    #[test]
    fn a_tag_is_valid_for_its_key_and_message_only() {
        let (key, other) = (MacKey::new(&[1; 32]).unwrap(), MacKey::new(&[2; 32]).unwrap());
        let tag = key.tag(&[b"ab", b"c"]);
        assert!(key.verify(&[b"ab", b"c"], &tag));
        assert!(!key.verify(&[b"ab", b"d"], &tag));
        assert!(!other.verify(&[b"ab", b"c"], &tag));
        for index in 0..TAG_BYTES {
            let mut changed = tag;
            changed[index] ^= 1;
            assert!(!key.verify(&[b"ab", b"c"], &changed));
        }
        for wrong in [&tag[..15], &[], &[&tag[..], &[0]].concat()] {
            assert!(!key.verify(&[b"ab", b"c"], wrong));
        }
    }

    #[test]
    fn a_key_has_32_bytes() {
        assert!(MacKey::new(&[1; 31]).is_err() && MacKey::new(&[1; 33]).is_err());
        assert_eq!(format!("{:?}", MacKey::new(&[1; 32]).unwrap()), "MacKey(…)");
    }
}
