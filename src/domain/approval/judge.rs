//! The rule: what the facts of an approval lead to.

use std::net::IpAddr;

use serde::Serialize;

use super::facts::{Facts, KeyStanding, Proximity};
use super::finding::{Finding, Reason, heaviest};
use crate::model::device_authorization::CodeArrival;
use crate::model::policy::approval::{ApprovalPolicy, Mode, ReverseConfirmation, Rules, Switch, Verdict};
use crate::model::user::Role;

/// Something the person must do before the approval counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Retype,
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
        (signs_in && !facts.signed_in_since, Step::Reauthenticate),
        (verdict >= Verdict::Retype && facts.arrival == CodeArrival::Link, Step::Retype),
        (confirms, Step::Confirm),
    ]
    .into_iter()
    .filter(|(needed, _)| *needed)
    .map(|(_, step)| step)
    .collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::config::Config;

    fn policy() -> ApprovalPolicy {
        Config::default().policy.approval
    }

    /// A link, from another network of the same country.
    fn facts() -> Facts {
        Facts {
            code_age_seconds: 30,
            arrival: CodeArrival::Link,
            network: Proximity::Elsewhere,
            same_country: Some(true),
            same_asn: Some(false),
            distance_km: Some(12),
            hosting_provider: Some(false),
            key: KeyStanding::None,
            first_device: true,
            codes_of_source: 1,
            accounts_of_source: 0,
            frozen_source: false,
            signed_in_since: false,
        }
    }

    fn judged(facts: &Facts) -> Verdict {
        heaviest(&rules(&policy(), facts))
    }

    #[test]
    fn the_defaults_are_quiet_for_honest_people_and_clear_for_phishing() {
        use CodeArrival::{Link, Typed};
        let at = |arrival| Facts { arrival, ..facts() };
        for (facts, verdict) in [
            (at(Link), Verdict::Allow),
            (at(Typed), Verdict::Allow),
            (Facts { same_country: Some(false), ..at(Link) }, Verdict::Reauthenticate),
            (Facts { same_country: Some(false), ..at(Typed) }, Verdict::Warn),
            (Facts { distance_km: Some(1000), ..at(Link) }, Verdict::Retype),
            (Facts { distance_km: Some(1000), ..at(Typed) }, Verdict::Warn),
            (Facts { distance_km: Some(999), ..at(Link) }, Verdict::Allow),
            (Facts { hosting_provider: Some(true), ..at(Link) }, Verdict::Retype),
            (Facts { hosting_provider: Some(true), ..at(Typed) }, Verdict::Warn),
            (Facts { codes_of_source: 10, ..at(Typed) }, Verdict::Warn),
            (Facts { accounts_of_source: 5, ..at(Typed) }, Verdict::Reauthenticate),
            (Facts { accounts_of_source: 4, ..at(Typed) }, Verdict::Allow),
            (Facts { key: KeyStanding::Unknown, code_age_seconds: 599, ..at(Link) }, Verdict::Allow),
        ] {
            assert_eq!(judged(&facts), verdict, "{facts:?}");
        }
    }

    #[test]
    fn nothing_is_found_next_to_the_device_or_for_a_key_of_ones_own_or_where_nothing_is_known() {
        let suspicious = Facts {
            same_country: Some(false),
            distance_km: Some(9_000),
            hosting_provider: Some(true),
            codes_of_source: 50,
            accounts_of_source: 50,
            ..facts()
        };
        let known = KeyStanding::Known { name: None, connected_at: DateTime::UNIX_EPOCH };
        let unknown = Facts {
            same_country: None,
            distance_km: None,
            hosting_provider: None,
            same_asn: None,
            ..facts()
        };
        for facts in [
            Facts { network: Proximity::SameAddress, ..suspicious.clone() },
            Facts { network: Proximity::SameNetwork, ..suspicious.clone() },
            Facts { key: known, ..suspicious.clone() },
            unknown,
        ] {
            assert_eq!(rules(&policy(), &facts), [], "{facts:?}");
        }
        assert_eq!(judged(&suspicious), Verdict::Reauthenticate);
    }

    #[test]
    fn report_only_leaves_the_switches_in_force() {
        let off = [Finding { reason: Reason::GrantOff, verdict: Verdict::Deny }];
        let abroad = [Finding { reason: Reason::OtherCountry, verdict: Verdict::Retype }];
        assert_eq!(enforced(Mode::ReportOnly, &[], &abroad), Verdict::Allow);
        assert_eq!(enforced(Mode::Enforce, &[], &abroad), Verdict::Retype);
        assert_eq!(enforced(Mode::ReportOnly, &off, &abroad), Verdict::Deny);
    }

    #[test]
    fn each_verdict_asks_for_what_the_lighter_ones_ask_for() {
        use ReverseConfirmation::{Always, Never, OnRisk};
        use Step::{Confirm, Reauthenticate, Retype};
        let with = |reverse_confirmation| ApprovalPolicy { reverse_confirmation, ..policy() };
        let typed = Facts { arrival: CodeArrival::Typed, ..facts() };
        let signed_in = Facts { signed_in_since: true, ..facts() };
        let cases: [(ReverseConfirmation, &Facts, Verdict, &[Step]); 9] = [
            (Never, &facts(), Verdict::Warn, &[]),
            (Never, &facts(), Verdict::Retype, &[Retype]),
            (Never, &typed, Verdict::Retype, &[]),
            (Never, &facts(), Verdict::Confirm, &[Reauthenticate, Retype]),
            (OnRisk, &facts(), Verdict::Confirm, &[Retype, Confirm]),
            (OnRisk, &facts(), Verdict::Reauthenticate, &[Reauthenticate, Retype, Confirm]),
            (OnRisk, &signed_in, Verdict::Reauthenticate, &[Retype, Confirm]),
            (OnRisk, &facts(), Verdict::Retype, &[Retype]),
            (Always, &typed, Verdict::Allow, &[Confirm]),
        ];
        for (confirmation, facts, verdict, expected) in cases {
            assert_eq!(steps(&with(confirmation), facts, verdict), expected, "{confirmation:?} {verdict:?}");
        }
    }
}
