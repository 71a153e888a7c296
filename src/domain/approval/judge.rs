//! The rule: what the facts of an approval lead to.

use std::net::IpAddr;

use serde::Serialize;

use super::facts::{Facts, KeyStanding, Proximity};
use crate::model::device_session::CodeArrival;
use crate::model::policy::approval::{ApprovalPolicy, Mode, ReverseConfirmation, Rules, Switch, Verdict};
use crate::model::user::Role;

/// Why an approval is not simply allowed. The page has a sentence for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "config/default.toml describes the rules of these names")]
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
    /// Why.
    pub reason: Reason,
    /// What follows.
    pub verdict: Verdict,
}

/// Something the person must do before the approval counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Type the code.
    Retype,
    /// Sign in anew.
    Reauthenticate,
    /// Type what the page then shows into the device.
    Confirm,
}

/// Where the two sides are, for the lists of networks, and who approves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sides<'a> {
    pub(super) asker: Option<IpAddr>,
    pub(super) approver: IpAddr,
    pub(super) roles: &'a [Role],
}

/// What was found: by the switches, which always hold, and by the rules, which `report_only` leaves without effect.
pub(super) fn find(policy: &ApprovalPolicy, facts: &Facts, sides: Sides<'_>) -> (Vec<Finding>, Vec<Finding>) {
    (switches(policy, facts, sides), rules(policy, facts))
}

fn switches(policy: &ApprovalPolicy, facts: &Facts, sides: Sides<'_>) -> Vec<Finding> {
    let excluded = policy.excluded_roles.iter().any(|name| {
        let is_it = |role: &Role| role.to_string() == *name;
        sides.roles.iter().any(is_it)
    });
    let networks = std::iter::once(sides.approver).chain(sides.asker);
    let barred = { networks }.any(|address| !may_connect_from(policy, address));
    [
        (policy.device_grant == Switch::Off, Reason::GrantOff),
        (excluded, Reason::ExcludedRole),
        (barred, Reason::ExcludedNetwork),
        (facts.frozen_source, Reason::FrozenSource),
    ]
    .into_iter()
    .filter(|(holds, _)| *holds)
    .map(|(_, reason)| Finding { reason, verdict: Verdict::Deny })
    .collect()
}

/// Whether devices may ask and people approve from there.
#[must_use]
pub fn may_connect_from(policy: &ApprovalPolicy, address: IpAddr) -> bool {
    let in_any = |networks: &[ipnet::IpNet]| networks.iter().any(|network| network.contains(&address));
    !in_any(&policy.excluded_networks)
        && (policy.allowed_networks.is_empty() || in_any(&policy.allowed_networks))
}

/// A key of the person's own device, and a device in the browser's own network, speak for themselves.
fn rules(policy: &ApprovalPolicy, facts: &Facts) -> Vec<Finding> {
    let rules = &policy.rules;
    let linked = facts.arrival == CodeArrival::Link;
    let by_link = |typed: Verdict, linked_verdict: Verdict| if linked { linked_verdict } else { typed };
    let strange = !facts.is_near() && !facts.has_known_key();
    let Rules { other_country, far_away, hosting_provider, other_network, .. } = *rules;
    let is_abroad = facts.same_country == Some(false);
    [
        (linked && strange, Reason::ByLink, rules.by_link),
        (strange && is_abroad, Reason::OtherCountry, by_link(other_country, rules.other_country_by_link)),
        (
            strange && !is_abroad && facts.is_far(policy.far_km),
            Reason::FarAway,
            by_link(far_away, rules.far_away_by_link),
        ),
        (
            strange && facts.hosting_provider == Some(true),
            Reason::HostingProvider,
            by_link(hosting_provider, rules.hosting_provider_by_link),
        ),
        (
            strange && facts.network == Proximity::Elsewhere,
            Reason::OtherNetwork,
            by_link(other_network, rules.other_network_by_link),
        ),
        (
            strange && facts.code_age_seconds >= i64::from(policy.old_code_seconds),
            Reason::OldCode,
            rules.old_code,
        ),
        (strange && facts.key == KeyStanding::Unknown, Reason::UnknownKey, rules.unknown_key),
        (strange && facts.first_device, Reason::FirstDevice, rules.first_device),
        (strange && facts.codes_of_source >= policy.many_codes, Reason::ManyCodes, rules.many_codes),
        (
            strange && facts.accounts_of_source >= policy.many_accounts,
            Reason::ManyAccounts,
            rules.many_accounts,
        ),
    ]
    .into_iter()
    .filter(|(holds, _, verdict)| *holds && *verdict > Verdict::Allow)
    .map(|(_, reason, verdict)| Finding { reason, verdict })
    .collect()
}

/// The heaviest verdict of some findings.
pub(super) fn heaviest(findings: &[Finding]) -> Verdict {
    findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Allow)
}

/// What is enforced.
pub(super) fn enforced(mode: Mode, switches: &[Finding], rules: &[Finding]) -> Verdict {
    match mode {
        Mode::Enforce => heaviest(switches).max(heaviest(rules)),
        Mode::ReportOnly => heaviest(switches),
    }
}

/// What the person must do, in the order of doing. A code that was typed needs not be typed again, and who signed in
/// after the code was made has signed in for it. Where the client's devices cannot ask for a confirmation code,
/// signing in takes its place.
pub(super) fn steps(policy: &ApprovalPolicy, facts: &Facts, verdict: Verdict) -> Vec<Step> {
    let heavy = verdict >= Verdict::Confirm;
    let confirms = match policy.reverse_confirmation {
        ReverseConfirmation::Never => false,
        ReverseConfirmation::OnRisk => heavy,
        ReverseConfirmation::Always => true,
    };
    let signs_in = verdict >= Verdict::Reauthenticate || (heavy && !confirms);
    [
        (verdict >= Verdict::Retype && facts.arrival == CodeArrival::Link, Step::Retype),
        (signs_in && !facts.signed_in_since, Step::Reauthenticate),
        (confirms, Step::Confirm),
    ]
    .into_iter()
    .filter(|(needed, _)| *needed)
    .map(|(_, step)| step)
    .collect()
}
