//! Authenticated encryption of small things: the name of the master key, a random nonce, and AES-256-GCM.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::master_key::KeyName;
use crate::random::Random;

/// Seals with the first key and opens with all.
pub struct Sealer(Vec<(KeyName, LessSafeKey)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// It was sealed with a master key that this program was not given.
    #[error("cannot be decrypted: the master key {0} is not configured")]
    UnknownKey(KeyName),
    /// It was sealed for something else, or is damaged.
    #[error("cannot be decrypted: wrong purpose or corrupted data")]
    Damaged,
}

impl Sealer {
    pub(super) fn new(keys: &[(KeyName, Zeroizing<[u8; 32]>)]) -> Self {
        let key = |key: &[u8]| {
            LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes"))
        };
        Self(keys.iter().map(|(name, bytes)| (*name, key(&bytes[..]))).collect())
    }

    fn first(&self) -> &(KeyName, LessSafeKey) {
        self.0.first().expect("there is a master key")
    }

    pub(super) fn name(&self) -> KeyName {
        self.first().0
    }

    /// Seals `plain` for `context`: for any other, it does not open.
    ///
    /// # Panics
    /// With more than 64 GiB.
    #[must_use]
    pub fn seal(&self, plain: &[u8], context: &str, random: &Random) -> Vec<u8> {
        let (name, key) = self.first();
        let mut nonce = [0; NONCE_LEN];
        random.fill(&mut nonce);
        let mut body = plain.to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context.as_bytes()),
            &mut body,
        )
        .expect("small messages can be sealed");
        [&name.0[..], &nonce, &body].concat()
    }

    /// Opens what [`Sealer::seal`] made for the same `context`.
    ///
    /// # Errors
    /// If it was made with an unknown key, for another context, or is damaged.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let (name, rest) = sealed.split_first_chunk().ok_or(DecryptError::Damaged)?;
        let (_, key) = self
            .0
            .iter()
            .find(|(known, _)| known.0 == *name)
            .ok_or(DecryptError::UnknownKey(KeyName(*name)))?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(DecryptError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DecryptError::Damaged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = key
            .open_in_place(nonce, Aad::from(context.as_bytes()), &mut body)
            .map_err(|_| DecryptError::Damaged)?
            .len();
        body.truncate(plain);
        Ok(body)
    }

    /// Opens what any of the keys sealed for `context` and seals it with the first.
    ///
    /// # Errors
    /// As with [`Sealer::open`].
    pub fn reseal(&self, sealed: &[u8], context: &str, random: &Random) -> Result<Vec<u8>, DecryptError> {
        Ok(self.seal(&self.open(sealed, context)?, context, random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::{MasterKey, MasterKeys, Secrets};

    fn sealer(keys: &[u8]) -> Sealer {
        let keys = keys.iter().map(|byte| MasterKey::from_bytes([*byte; 32])).collect();
        Secrets::derive(&MasterKeys::new(keys).unwrap()).database
    }

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_context() {
        let (random, sealer) = (Random::system(), sealer(&[7]));
        let secret = sealer.seal(b"plain", "here", &random);
        assert_eq!(&sealer.open(&secret, "here").unwrap()[..], b"plain");
        assert_eq!(sealer.open(&secret, "there"), Err(DecryptError::Damaged));
        for index in 0..secret.len() {
            let mut changed = secret.clone();
            changed[index] ^= 1;
            assert!(sealer.open(&changed, "here").is_err());
        }
        assert_eq!(sealer.open(&secret[..12], "here"), Err(DecryptError::Damaged));
        assert_eq!(sealer.open(b"abc", "here"), Err(DecryptError::Damaged));
    }

    #[test]
    fn the_first_key_seals_and_all_open() {
        let random = Random::system();
        let (old, both, new) = (sealer(&[1]), sealer(&[2, 1]), sealer(&[2]));
        let name = MasterKey::from_bytes([2; 32]).name();
        let by_old = old.seal(b"plain", "here", &random);
        let by_both = both.seal(b"plain", "here", &random);
        assert_eq!(&both.open(&by_old, "here").unwrap()[..], b"plain");
        assert_eq!(&new.open(&by_both, "here").unwrap()[..], b"plain");
        assert_eq!(old.open(&by_both, "here"), Err(DecryptError::UnknownKey(name)));
        let resealed = both.reseal(&by_old, "here", &random).unwrap();
        assert_eq!(&new.open(&resealed, "here").unwrap()[..], b"plain");
        assert!(both.reseal(&by_old, "there", &random).is_err());
    }
}
