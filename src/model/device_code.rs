//! Device codes (RFC 8628 §3.2): computed secrets that carry their end.

use chrono::{DateTime, Utc};
use zeroize::Zeroizing;

use super::bearer_secret::{BearerSecret, SecretHash, SecretKind};
use super::computed_secret::{ComputedSecret, RandomPart};
use super::ids::{DeviceAuthorizationId, TenantId};
use crate::random::Random;
use crate::secrets::MacKey;

/// A device code that this server has issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode(ComputedSecret);

impl DeviceCode {
    /// A new code, with random bytes of its own.
    #[must_use]
    pub fn generate(id: DeviceAuthorizationId, expires_at: DateTime<Utc>, random: &Random) -> Self {
        let mut bytes: RandomPart = Zeroizing::default();
        random.fill(&mut *bytes);
        // Rounded up, so that no code ends before the row says so.
        let end = (expires_at.timestamp() + 1).unsigned_abs();
        Self(ComputedSecret { number: end, id: id.0, random: bytes })
    }

    /// Reads a code that a client presents. Returns `None` if the server did not issue it for this tenant.
    #[must_use]
    pub fn read(tenant: TenantId, key: &MacKey, text: &str) -> Option<Self> {
        ComputedSecret::read(SecretKind::DeviceCode, tenant, key, text).map(Self)
    }

    /// Returns the code as the client gets it.
    #[must_use]
    pub fn write(&self, tenant: TenantId, key: &MacKey) -> BearerSecret {
        self.0.write(SecretKind::DeviceCode, tenant, key)
    }

    /// The device authorization that it belongs to.
    #[must_use]
    pub const fn authorization(&self) -> DeviceAuthorizationId {
        DeviceAuthorizationId(self.0.id)
    }

    /// Whether the end that it carries has passed. While its row is there, the row decides: an approval can extend it.
    #[must_use]
    pub fn has_expired(&self, now: DateTime<Utc>) -> bool {
        now.timestamp() >= 0 && now.timestamp().unsigned_abs() >= self.0.number
    }

    /// What the database stores of it: the SHA-256 of the random bytes.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        self.0.hash()
    }

    /// The random bytes.
    pub(super) fn random(&self) -> &RandomPart {
        &self.0.random
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_code_expires_no_earlier_than_its_row() {
        let end = DateTime::from_timestamp(1_800_000_000, 500_000_000).unwrap();
        let code = DeviceCode::generate(DeviceAuthorizationId(Uuid::nil()), end, &Random::system());
        assert!(!code.has_expired(end));
        assert!(code.has_expired(end + TimeDelta::seconds(1)));
    }
}
