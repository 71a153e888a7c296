//! What the person chooses on the consent page: how the page asks, and how the form answers.

use super::device_labels;
use crate::domain::device_flow::choices::{ChoiceError, Choices, Offer};
use crate::domain::device_flow::consent::Consent;
use crate::domain::granting;
use crate::http::parameters::Parameters;
use crate::languages::{Language, Phrase, words};
use crate::model::device::displayable;
use crate::model::lifetime::Lifetime;
use crate::model::scope::{OFFLINE_ACCESS, Scope};

/// What the name of a scope's checkbox begins with.
const SCOPE: &str = "scope:";

/// Reads the choices of the form. A box that is not ticked is not sent.
pub(super) fn read(form: &mut Parameters) -> Choices {
    Choices {
        scopes: Some(form.names_after(SCOPE).map(ToOwned::to_owned).collect()),
        trusted: form.take("trusted").is_some(),
        device_name: form.take("device_name"),
        lifetime: form.take("lifetime").and_then(|word| Lifetime::parse(&word)).unwrap_or(Lifetime::Longest),
    }
}

/// What the page asks, as `consent_choices.html` shows it.
#[derive(Debug, Clone)]
pub struct ConsentChoices {
    /// What the device asks for; may be empty.
    pub scopes: Vec<ScopeChoice>,
    /// What of it the account may not grant.
    pub withheld: Vec<ScopeChoice>,
    /// Whether nothing is left that could be granted.
    pub leaves_nothing: bool,
    /// Whether any scope may be left out.
    pub some_are_optional: bool,
    /// Why the choice of scopes was not taken.
    pub scopes_error: Option<Phrase>,
    /// How long its access lasts.
    pub lifetime_words: Phrase,
    /// What the field for its name holds.
    pub device_name: String,
    /// What the device is called if it gets no name; `None`: it gives itself one.
    pub default_name: Option<Phrase>,
    /// Why the name was not taken.
    pub name_error: Option<Phrase>,
    /// How long it may stay; empty: nothing to choose.
    pub lifetimes: Vec<LifetimeChoice>,
    /// What trust in it means; `None`: it cannot be trusted.
    pub trust: Option<TrustChoice>,
}

/// A scope, and whether the person may leave it out.
#[derive(Debug, Clone)]
pub struct ScopeChoice {
    /// The scope as the protocol names it.
    pub name: String,
    /// What it allows, in plain words.
    pub description: String,
    /// Whether it is chosen here.
    pub is_optional: bool,
    /// Whether its box is ticked.
    pub is_ticked: bool,
}

/// How long the device may stay.
#[derive(Debug, Clone)]
pub struct LifetimeChoice {
    /// What the form sends.
    pub value: &'static str,
    /// What the person reads.
    pub words: Phrase,
    /// Whether it is the one that is chosen.
    pub is_selected: bool,
}

/// Trust in the device.
#[derive(Debug, Clone)]
pub struct TrustChoice {
    /// What it means.
    pub words: Phrase,
    /// Whether its box is ticked.
    pub is_ticked: bool,
}

impl ConsentChoices {
    /// What may be chosen: as it was `chosen` in the form that was not taken, or as the page begins, with every
    /// box of a scope ticked and no trust.
    pub(super) fn of(language: Language, consent: &Consent, chosen: Option<&Choices>) -> Self {
        let offer = &consent.offer;
        let renewable = granting::brings_refresh_token(&consent.client, &offer.grantable);
        // Where the time can be chosen, leaving at once is one of the choices, and no second box beside them.
        let by_lifetime = |name: &str| name == OFFLINE_ACCESS && offer.lifetimes.contains(&Lifetime::Once);
        let is_ticked = |name: &str| {
            chosen.and_then(|chosen| chosen.scopes.as_ref()).is_none_or(|scopes| scopes.contains(name))
        };
        let choice = |scope: &Scope| ScopeChoice {
            is_optional: offer.optional.contains(&scope.name) && !by_lifetime(&scope.name),
            is_ticked: is_ticked(&scope.name),
            name: scope.name.clone(),
            description: scope.in_words([language.tag()]).to_owned(),
        };
        let scopes: Vec<ScopeChoice> = consent.scopes.iter().map(choice).collect();
        let name = chosen.and_then(|chosen| chosen.device_name.as_deref());
        let name_is_refused = name.is_some_and(|name| displayable(name).is_err());
        let grants_nothing =
            chosen.is_some_and(|chosen| offer.shape(chosen.clone()) == Err(ChoiceError::Nothing));
        let declared = consent.request.device.name.clone();
        let default_name = declared.is_none().then(|| {
            let (request, client) = (&consent.request, &consent.client.name);
            let label = device_labels::without_name(
                language,
                request.user_agent.as_deref(),
                client,
                request.session.id.0,
            );
            language.t("consent-name-default").name("name", &label)
        });
        Self {
            some_are_optional: scopes.iter().any(|scope| scope.is_optional),
            scopes,
            withheld: consent.withheld.iter().map(choice).collect(),
            leaves_nothing: consent.leaves_nothing,
            scopes_error: grants_nothing.then(|| language.t("consent-scopes-error")),
            lifetime_words: words::lifetime(
                language,
                offer.access_lifetime_seconds,
                renewable.then_some(offer.usual.absolute),
            ),
            device_name: match chosen {
                Some(chosen) => chosen.device_name.clone().unwrap_or_default(),
                None => declared.unwrap_or_default(),
            },
            default_name,
            name_error: name_is_refused.then(|| language.t("consent-name-error")),
            lifetimes: lifetimes(language, offer, chosen),
            trust: offer.may_trust.then(|| TrustChoice {
                words: language
                    .t("consent-trust-hint")
                    .phrase("whole", words::span(language, offer.trusted.absolute))
                    .phrase("usual", words::span(language, offer.usual.absolute)),
                is_ticked: chosen.is_some_and(|chosen| chosen.trusted),
            }),
        }
    }
}

fn lifetimes(language: Language, offer: &Offer, chosen: Option<&Choices>) -> Vec<LifetimeChoice> {
    if offer.lifetimes.len() < 2 {
        return Vec::new();
    }
    let selected = chosen.map_or(Lifetime::Longest, |chosen| chosen.lifetime);
    let choice = |lifetime: Lifetime| LifetimeChoice {
        value: lifetime.as_str(),
        words: match lifetime {
            Lifetime::Once => {
                let access = words::seconds(language, offer.access_lifetime_seconds);
                language.t("consent-stay-once").phrase("access", access)
            }
            other => match other.seconds() {
                Some(seconds) => words::seconds(language, seconds),
                None => language.t("consent-stay-longest"),
            },
        },
        is_selected: lifetime == selected,
    };
    offer.lifetimes.iter().copied().map(choice).collect()
}
