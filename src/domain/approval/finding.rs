//! Reasons to distrust an approval.

use serde::Serialize;

use crate::model::policy::approval::Verdict;

/// Why an approval is not simply allowed. The page has a sentence for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Devices cannot be connected here, or not with this client.
    GrantOff,
    /// Accounts with one of this account's roles connect no devices.
    ExcludedRole,
    /// No device may ask from where this one asks, or nobody approve from where this browser is.
    ExcludedNetwork,
    /// The source of the code is frozen.
    FrozenSource,
    ByLink,
    OtherCountry,
    FarAway,
    HostingProvider,
    OtherNetwork,
    OldCode,
    UnknownKey,
    FirstDevice,
    ManyCodes,
    ManyAccounts,
}

impl Reason {
    /// Whether it is about where the device and the person are, of which much is guesswork.
    #[must_use]
    pub const fn is_about_places(self) -> bool {
        matches!(self, Self::OtherCountry | Self::FarAway | Self::HostingProvider | Self::OtherNetwork)
    }

    /// The word in metrics, the audit trail and the consent API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GrantOff => "grant_off",
            Self::ExcludedRole => "excluded_role",
            Self::ExcludedNetwork => "excluded_network",
            Self::FrozenSource => "frozen_source",
            Self::ByLink => "by_link",
            Self::OtherCountry => "other_country",
            Self::FarAway => "far_away",
            Self::HostingProvider => "hosting_provider",
            Self::OtherNetwork => "other_network",
            Self::OldCode => "old_code",
            Self::UnknownKey => "unknown_key",
            Self::FirstDevice => "first_device",
            Self::ManyCodes => "many_codes",
            Self::ManyAccounts => "many_accounts",
        }
    }
}

/// A reason and what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub reason: Reason,
    pub verdict: Verdict,
}

/// The heaviest verdict of some findings.
pub(super) fn heaviest(findings: &[Finding]) -> Verdict {
    findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Allow)
}
