//! What was found about an approval, in words for the person who decides.

use crate::domain::approval::{Assessment, KeyStanding, Reason, Step};
use crate::languages::{Language, Phrase, places, words};
use crate::model::place::Place;
use crate::model::policy::approval::{Mode, Verdict};

/// How an approval looks, and what it takes.
#[derive(Debug, Clone)]
pub struct RiskWords {
    /// What was found, as whole sentences.
    pub reasons: Vec<Phrase>,
    /// Where the device and the browser are, and what that may mean, if one of them is about that.
    pub places: Option<Phrase>,
    /// Whether it can be approved at all.
    pub can_approve: bool,
    /// Whether the person must sign in once more first.
    pub must_sign_in: bool,
    /// Whether the person must type the code.
    pub retyping: Retyping,
    /// Why what they typed was not accepted.
    pub retype_error: Option<Phrase>,
    /// What is known of the device's key, as a whole sentence.
    pub key: Option<Phrase>,
}

/// Whether and when the person must type the code, instead of comparing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retyping {
    /// The page shows it, to compare.
    No,
    /// After signing in again. The page does not show it.
    Later,
    /// On this page, which does not show it.
    Now,
}

/// What the page says. In report-only mode it says nothing of what only would have happened.
pub(super) fn of(
    language: Language,
    assessment: &Assessment,
    (device, browser): (Option<&Place>, Option<&Place>),
) -> RiskWords {
    let is_said = |verdict: Verdict| match assessment.mode {
        Mode::Enforce => true,
        Mode::ReportOnly => verdict == Verdict::Deny && assessment.verdict == Verdict::Deny,
    };
    let said: Vec<Reason> = assessment
        .reasons
        .iter()
        .filter(|finding| is_said(finding.verdict))
        .map(|finding| finding.reason)
        .collect();
    RiskWords {
        reasons: said.iter().map(|reason| sentence(language, *reason)).collect(),
        places: said
            .iter()
            .any(|reason| reason.is_about_places())
            .then(|| where_both_are(language, device, browser)),
        can_approve: assessment.verdict != Verdict::Deny,
        must_sign_in: assessment.needs(Step::Reauthenticate),
        retyping: match (assessment.needs(Step::Retype), assessment.needs(Step::Reauthenticate)) {
            (false, _) => Retyping::No,
            (true, true) => Retyping::Later,
            (true, false) => Retyping::Now,
        },
        retype_error: None,
        key: key(language, &assessment.facts.key),
    }
}

/// Where both are, as far as it has a name, and that it need not mean anything.
fn where_both_are(language: Language, device: Option<&Place>, browser: Option<&Place>) -> Phrase {
    let words = |place: Option<&Place>| places::in_words(language, place?);
    let meaning = language.t("risk-places-meaning");
    match (words(device), words(browser)) {
        (Some(device), Some(browser)) => language
            .t("risk-places")
            .phrase("device", device)
            .phrase("browser", browser)
            .phrase("meaning", meaning),
        _ => meaning,
    }
}

fn key(language: Language, standing: &KeyStanding) -> Option<Phrase> {
    match standing {
        KeyStanding::None => None,
        KeyStanding::Unknown => Some(language.t("risk-unknown-key")),
        KeyStanding::Known { name, connected_at } => {
            let date = words::date(language, *connected_at);
            Some(match name {
                Some(name) => language.t("risk-known-key-named").name("device", name).phrase("date", date),
                None => language.t("risk-known-key").phrase("date", date),
            })
        }
    }
}

/// A sentence for each reason.
pub(super) fn sentence(language: Language, reason: Reason) -> Phrase {
    match reason {
        Reason::GrantOff => language.t("risk-grant-off"),
        Reason::ExcludedRole => language.t("risk-excluded-role"),
        Reason::ExcludedNetwork => language.t("risk-excluded-network"),
        Reason::FrozenSource => language.t("risk-frozen-source"),
        Reason::ByLink => language.t("risk-by-link"),
        Reason::OtherCountry => language.t("risk-other-country"),
        Reason::FarAway => language.t("risk-far-away"),
        Reason::HostingProvider => language.t("risk-hosting-provider"),
        Reason::OtherNetwork => language.t("risk-other-network"),
        Reason::OldCode => language.t("risk-old-code"),
        Reason::UnknownKey => language.t("risk-unknown-key"),
        Reason::FirstDevice => language.t("risk-first-device"),
        Reason::ManyCodes => language.t("risk-many-codes"),
        Reason::ManyAccounts => language.t("risk-many-accounts"),
    }
}
