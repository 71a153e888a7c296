//! Trusted devices: those that their owner wants to stay connected for long.

use serde::{Deserialize, Serialize};

use crate::model::key_thumbprint::KeyThumbprint;

/// Which devices may be trusted, and how long they then stay connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustPolicy {
    pub allowed: TrustAllowed,
    /// A trusted device's refresh token dies when it is not used for this long, in seconds.
    pub idle_seconds: u32,
    /// A trusted device's connection ends this long after it was approved, in seconds.
    pub absolute_seconds: u32,
}

/// Which devices a person may call trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustAllowed {
    /// None.
    Never,
    /// Those whose tokens are bound to a key (RFC 9449), so that a copy of them is worth nothing.
    KeyBound,
    Anyone,
}

impl TrustPolicy {
    /// Whether a device whose tokens are bound to `key` may be trusted.
    #[must_use]
    pub const fn allows(&self, key: Option<KeyThumbprint>) -> bool {
        match self.allowed {
            TrustAllowed::Never => false,
            TrustAllowed::KeyBound => key.is_some(),
            TrustAllowed::Anyone => true,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if self.idle_seconds == 0 || self.absolute_seconds < self.idle_seconds {
            return Err("trust.idle_seconds must be at least 1 and at most trust.absolute_seconds".to_owned());
        }
        Ok(())
    }
}
