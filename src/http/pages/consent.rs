//! `/device/consent`: see who asks, from where, for what, and decide (RFC 8628 §3.3, §5.4).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::SecondsFormat;

use super::PageRefusal;
use super::browser::Browser;
use super::carried_code::{self, Stage};
use super::consent_choices::{self, ConsentChoices};
use super::csrf::{CsrfChecked, equal};
use super::languages::{Language, Phrase};
use super::views::{ConsentPage, DeviceWords, Tone};
use super::words;
use crate::app::App;
use crate::domain::device_flow::choices::{ChoiceRefused, Choices};
use crate::domain::device_flow::decide::{self, Decision, DecisionRefused};
use crate::domain::device_flow::open::{self, Consent};
use crate::model::approver::Approver;
use crate::model::browser_session::BrowserSession;
use crate::model::ids::DeviceSessionId;

/// Shows what this browser has open. Showing changes nothing.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let Some(consent) = open::opened(&app, &browser.tenant, &Approver::from(session)).await? else {
        return Ok(browser.go_to("/device"));
    };
    let page = page(&app, &browser, session, consent, None);
    Ok(browser.show(StatusCode::OK, &page))
}

/// Takes the decision. The form is bound to this browser, this session and this device; it decides once.
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    let language = browser.language;
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let id = form.take("session_id").unwrap_or_default();
    let token = form.take("decision_token").unwrap_or_default();
    let chosen = consent_choices::read(&mut form);
    let (decision, told) = match form.take("decision").as_deref() {
        Some("approve") => (Decision::Approve(chosen.clone()), approved(language)),
        Some("deny") => (Decision::Deny, declined(language)),
        _ => return Err(PageRefusal::ForeignForm),
    };
    let (Ok(id), true) = (id.parse(), equal(&token, &browser.form_token(&decision_purpose(&id)))) else {
        return Err(PageRefusal::ForeignForm);
    };
    let approver = Approver::from(session);
    let id = DeviceSessionId(id);
    match decide::decide(&app, &browser.tenant, &approver, id, decision, &browser.origin).await {
        Ok(()) => Ok(browser.tell(StatusCode::OK, told.tone, told.title, told.text, None)),
        Err(DecisionRefused::AlreadyHandled) => Ok(browser.tell(
            StatusCode::CONFLICT,
            Tone::Neutral,
            language.t("consent-handled-title"),
            language.t("consent-handled"),
            Some(language.t("consent-handled-next")),
        )),
        Err(DecisionRefused::StaleSignIn) => {
            if let Some(consent) = open::opened(&app, &browser.tenant, &approver).await? {
                carried_code::carry(&app, &mut browser, consent.user_code.as_str(), Stage::Entered);
            }
            Ok(browser.go_to("/sign-in"))
        }
        Err(DecisionRefused::Choice(ChoiceRefused::Name)) => {
            let Some(consent) = open::opened(&app, &browser.tenant, &approver).await? else {
                return Ok(browser.go_to("/device"));
            };
            let page = page(&app, &browser, session, consent, Some(&chosen));
            Ok(browser.show(StatusCode::BAD_REQUEST, &page))
        }
        // What there is to choose from has changed since, or the form was changed: the person looks once more.
        Err(DecisionRefused::Choice(_)) => Ok(browser.go_to("/device/consent")),
        Err(DecisionRefused::TooManyAttempts(_)) => Ok(browser.go_to("/device")),
        Err(DecisionRefused::Failed(error)) => Err(error.into()),
    }
}

/// What is said when it is decided.
struct Told {
    tone: Tone,
    title: Phrase,
    text: Phrase,
}

fn approved(language: Language) -> Told {
    let (title, text) = (language.t("consent-approved-title"), language.t("consent-approved"));
    Told { tone: Tone::Success, title, text }
}

fn declined(language: Language) -> Told {
    let (title, text) = (language.t("consent-declined-title"), language.t("consent-declined"));
    Told { tone: Tone::Neutral, title, text }
}

fn decision_purpose(id: &str) -> String {
    format!("decide {id}")
}

/// The page, with what the person chose before, if it could not be taken.
fn page(
    app: &Arc<App>,
    browser: &Browser,
    session: &BrowserSession,
    consent: Consent,
    chosen: Option<&Choices>,
) -> ConsentPage {
    let id = consent.request.session.id.to_string();
    let choices = ConsentChoices::of(browser.language, &consent, &app.config.tokens, chosen);
    let request = consent.request;
    ConsentPage {
        frame: browser.frame(),
        client_is_first_party: consent.client.first_party,
        client_is_unverified: consent.client.is_unverified(),
        client_is_public: consent.client.is_public(),
        client_name: consent.client.name.clone(),
        user_code: consent.user_code.to_string(),
        device: DeviceWords {
            name: request.device.name,
            os: request.device.os,
            hostname: request.device.hostname,
            client_version: request.device.client_version,
            user_agent: request.user_agent,
        },
        requested_at: request.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        requested_at_words: words::when(browser.language, request.created_at, app.clock.now()),
        ip_address: request.ip_address.map(|address| address.to_string()),
        resources: consent.resources.into_iter().map(|resource| resource.name).collect(),
        choices,
        account: session.user.username.clone(),
        decision_token: browser.form_token(&decision_purpose(&id)),
        session_id: id,
    }
}
