//! Refresh tokens (RFC 6749 §1.5): computed secrets that count their generations.
//!
//! A device keeps its random bytes through all generations, so the server can compute the successor of a token that is
//! presented, and give the same successor again.

use aws_lc_rs::digest;

use super::bearer_secret::{BearerSecret, SecretHash, SecretKind};
use super::computed_secret::{ComputedSecret, RandomPart};
use super::device_code::DeviceCode;
use super::ids::{DeviceId, TenantId};
use crate::secrets::MacKey;

/// The generation of the first refresh token of a device.
pub const FIRST_GENERATION: i64 = 1;

/// A refresh token that this server has issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken(ComputedSecret);

impl RefreshToken {
    /// The first token of the device that redeems a code. Its random bytes follow from those of the code, so that a
    /// repeated redemption gives the same token.
    #[must_use]
    pub fn first(code: &DeviceCode) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(b"refresh token");
        hash.update(&**code.random());
        let digest = hash.finish();
        let mut random = RandomPart::default();
        random.copy_from_slice(&digest.as_ref()[..16]);
        Self(ComputedSecret { number: FIRST_GENERATION.unsigned_abs(), id: code.authorization().0, random })
    }

    /// Reads a token that a client presents. Returns `None` if the server did not issue it for this tenant.
    #[must_use]
    pub fn read(tenant: TenantId, key: &MacKey, text: &str) -> Option<Self> {
        ComputedSecret::read(SecretKind::RefreshToken, tenant, key, text).map(Self)
    }

    /// Returns the token as the client gets it.
    #[must_use]
    pub fn write(&self, tenant: TenantId, key: &MacKey) -> BearerSecret {
        self.0.write(SecretKind::RefreshToken, tenant, key)
    }

    /// Returns the token that this one is exchanged for.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self(ComputedSecret { number: self.0.number + 1, ..self.0.clone() })
    }

    /// The device that it was issued to.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        DeviceId(self.0.id)
    }

    /// The number of the token among those of its device, from [`FIRST_GENERATION`]. It fits into 56 bits.
    #[must_use]
    pub fn generation(&self) -> i64 {
        i64::try_from(self.0.number).unwrap_or(i64::MAX)
    }

    /// What the database stores of it: the SHA-256 of the random bytes, the same for all generations.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        self.0.hash()
    }
}
