//! Where a device-authorization session stands, in one word.

use super::device_authorization::Phase;

/// A [`Phase`] without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceAuthorizationStatus {
    /// It waits for a decision, or for the device to confirm one.
    Pending,
    /// Somebody said yes; the tokens wait to be collected.
    Approved,
    /// Somebody said no, or it was ended.
    Denied,
    Expired,
    Consumed,
}

impl DeviceAuthorizationStatus {
    pub const ALL: [Self; 5] = [Self::Pending, Self::Approved, Self::Denied, Self::Expired, Self::Consumed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Consumed => "consumed",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl From<Phase<'_>> for DeviceAuthorizationStatus {
    fn from(phase: Phase<'_>) -> Self {
        match phase {
            // To everybody but the two who compare what their screens show.
            Phase::Pending | Phase::Confirming => Self::Pending,
            Phase::Approved(_) => Self::Approved,
            Phase::Denied => Self::Denied,
            Phase::Expired => Self::Expired,
            Phase::Consumed(_) => Self::Consumed,
        }
    }
}
