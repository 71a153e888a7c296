//! Authenticated encryption of small things: AES-256-GCM with a random nonce in front.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::random::Random;

/// Seals and opens with one key.
pub struct Sealer(LessSafeKey);

/// The bytes were not sealed with this key for this context.
#[derive(Debug, thiserror::Error)]
#[error("cannot be unsealed: sealed with another master key, for something else, or damaged")]
pub struct Unsealable;

impl Sealer {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes")))
    }

    /// Seals `plain` for `context`: opened anywhere else, it is refused.
    ///
    /// # Panics
    /// With more than 64 GiB.
    #[must_use]
    pub fn seal(&self, plain: &[u8], context: &str, random: &Random) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut body = plain.to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut body,
            )
            .expect("small messages can be sealed");
        [&nonce[..], &body].concat()
    }

    /// Opens what [`Sealer::seal`] made for the same `context`.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = self
            .0
            .open_in_place(nonce, Aad::from(context.as_bytes()), &mut body)
            .map_err(|_| Unsealable)?
            .len();
        body.truncate(plain);
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_context() {
        let (random, sealer) = (Random::system(), Sealer::new(&[7; 32]));
        let secret = sealer.seal(b"plain", "here", &random);
        assert_eq!(&sealer.open(&secret, "here").unwrap()[..], b"plain");
        assert!(sealer.open(&secret, "there").is_err());
        assert!(Sealer::new(&[8; 32]).open(&secret, "here").is_err());
        for index in 0..secret.len() {
            let mut changed = secret.clone();
            changed[index] ^= 1;
            assert!(sealer.open(&changed, "here").is_err());
        }
        assert!(sealer.open(b"short", "here").is_err());
    }
}
