//! What was found about an approval, in words for the person who decides.

use super::views::RiskWords;
use crate::domain::approval::{Assessment, KeyStanding, Reason, Step};
use crate::model::policy::approval::{Mode, Verdict};

/// What the page says. In report-only mode it says nothing of what only would have happened.
pub(super) fn of(assessment: &Assessment) -> RiskWords {
    let is_said = |verdict: Verdict| match assessment.mode {
        Mode::Enforce => true,
        Mode::ReportOnly => verdict == Verdict::Deny && assessment.verdict == Verdict::Deny,
    };
    let said = assessment.reasons.iter().filter(|finding| is_said(finding.verdict));
    RiskWords {
        reasons: said.map(|finding| sentence(finding.reason)).collect(),
        can_approve: assessment.verdict != Verdict::Deny,
        must_sign_in: assessment.needs(Step::Reauthenticate),
        must_retype: assessment.needs(Step::Retype) && !assessment.needs(Step::Reauthenticate),
        retype_error: None,
        key: key(&assessment.facts.key),
    }
}

fn key(standing: &KeyStanding) -> Option<String> {
    match standing {
        KeyStanding::None => None,
        KeyStanding::Unknown => {
            Some("The device proved a key that none of your devices has used.".to_owned())
        }
        KeyStanding::Known { name, connected_at } => {
            let date = connected_at.format("%-d %B %Y");
            Some(match name {
                Some(name) => format!("The device proved that it is your “{name}”, connected {date}."),
                None => format!("The device proved that it is one of yours, connected {date}."),
            })
        }
    }
}

/// A sentence for each reason.
pub(super) const fn sentence(reason: Reason) -> &'static str {
    match reason {
        Reason::GrantOff => "No devices are connected here.",
        Reason::ExcludedRole => "Accounts like yours connect no devices.",
        Reason::ExcludedNetwork => {
            "From where the device is, or from where you are, no devices are connected."
        }
        Reason::FrozenSource => "Several people said or showed that requests from this place are not theirs.",
        Reason::ByLink => "A link brought you here, and not a code that you typed.",
        Reason::OtherCountry => "The device is in another country than you are.",
        Reason::FarAway => "The device is far away from you.",
        Reason::HostingProvider => "The device is in a data centre, where no people are.",
        Reason::OtherNetwork => "The device is in another network than you are.",
        Reason::OldCode => "The request is rather old.",
        Reason::UnknownKey => "The device proved a key that none of your devices has used.",
        Reason::FirstDevice => "You have connected no device of this app before.",
        Reason::ManyCodes => "Many requests come from the same place.",
        Reason::ManyAccounts => "Many other people were asked from the same place lately.",
    }
}
