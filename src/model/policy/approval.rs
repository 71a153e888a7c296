//! Approvals: which ones look like phishing (RFC 8628 §5.4, RFC 10027 §6.1), and what the person must then do.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::model::user::Role;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// Whether devices can be connected at all.
    pub device_grant: Switch,
    /// Roles whose accounts connect no devices.
    pub excluded_roles: Vec<String>,
    /// Networks from which no device asks and nobody approves.
    pub excluded_networks: Vec<IpNet>,
    /// The only networks from which devices ask and people approve; none: all.
    pub allowed_networks: Vec<IpNet>,
    /// Whether the rules below are enforced.
    pub mode: Mode,
    /// When the device must send what the approval page shows.
    pub reverse_confirmation: ReverseConfirmation,
    /// Asker and approver are far from each other from this distance on, in kilometres.
    pub far_km: u32,
    /// A code is old from this age on, in seconds.
    pub old_code_seconds: u32,
    /// One source has many codes waiting for one client from this number on.
    pub many_codes: u32,
    /// A source has many accounts from this number of others on that had never to do with it before.
    pub many_accounts: u32,
    pub rules: Rules,
    /// When a source of codes is frozen.
    pub campaign: CampaignPolicy,
}

/// What each finding leads to. Those that end in `_by_link` stand for the finding together with a code that came by
/// link, and count instead of the one without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    pub by_link: Verdict,
    pub other_country: Verdict,
    pub other_country_by_link: Verdict,
    pub far_away: Verdict,
    pub far_away_by_link: Verdict,
    pub hosting_provider: Verdict,
    pub hosting_provider_by_link: Verdict,
    pub other_network: Verdict,
    pub other_network_by_link: Verdict,
    pub old_code: Verdict,
    pub unknown_key: Verdict,
    pub first_device: Verdict,
    pub many_codes: Verdict,
    pub many_accounts: Verdict,
}

/// What a person must do to approve, the lightest first. Each asks for what the lighter ones ask for, too; only
/// `confirm` is passed over where the client's devices cannot ask for a confirmation code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing more than today.
    Allow,
    Warn,
    /// Type the code, although the link carried it.
    Retype,
    /// Type what the page shows into the device.
    Confirm,
    /// Sign in once more.
    Reauthenticate,
    Deny,
}

impl Verdict {
    /// The word in settings, metrics and the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Retype => "retype",
            Self::Confirm => "confirm",
            Self::Reauthenticate => "reauthenticate",
            Self::Deny => "deny",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Enforce,
    /// They are not: what would have happened is audited and counted.
    ReportOnly,
}

impl Mode {
    /// The word in settings, metrics and the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::ReportOnly => "report_only",
        }
    }
}

/// When the device must send what the approval page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReverseConfirmation {
    /// Never: the client's devices have no way to ask for it.
    Never,
    /// When the verdict is `confirm` or more.
    OnRisk,
    Always,
}

/// When a source of codes is frozen: an address, or an IPv6 /64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignPolicy {
    /// So many accounts, new to the source, approved its codes from far away within the window. 0: never.
    pub far_approvals: u32,
    /// So many accounts from other networks said within the window that they did not start this. 0: never.
    pub reports: u32,
    /// The window, in seconds.
    pub window_seconds: u32,
    /// How long a source stays frozen, in seconds.
    pub freeze_seconds: u32,
    /// Networks that are never frozen.
    pub trusted_networks: Vec<IpNet>,
}

impl ApprovalPolicy {
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(wrong) = self.excluded_roles.iter().find(|role| role.parse::<Role>().is_err()) {
            return Err(format!("approval.excluded_roles: {wrong:?} is not a valid role"));
        }
        if self.many_codes == 0 || self.many_accounts == 0 {
            return Err("approval.many_codes and approval.many_accounts must be at least 1".to_owned());
        }
        if self.campaign.window_seconds == 0 || self.campaign.freeze_seconds == 0 {
            return Err("approval.campaign.window_seconds and freeze_seconds must be at least 1".to_owned());
        }
        Ok(())
    }
}
