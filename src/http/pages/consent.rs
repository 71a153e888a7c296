//! `/device/consent`: see who asks, from where, for what, and decide (RFC 8628 §3.3, §5.4).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::SecondsFormat;

use super::browser::Browser;
use super::consent_choices::{self, ConsentChoices};
use super::csrf::CsrfChecked;
use super::device_words::DeviceWords;
use super::page_error::PageError;
use super::risk_words::{self, Retyping, RiskWords};
use super::sign_in::way_to_more;
use super::views::{ConfirmationPage, ConsentPage, Tone};
use super::{browser_names, carried_code};
use crate::app::App;
use crate::domain::approval::{Approving, assess};
use crate::domain::device_flow::choices::{ChoiceError, Choices};
use crate::domain::device_flow::consent::{self, Consent};
use crate::domain::device_flow::decide::{self, Answer, Decided, Decision, DecisionError};
use crate::http::retry_after::try_again_after;
use crate::languages::{Language, Phrase, places, words};
use crate::model::approver::Approver;
use crate::model::attempt_budget::TooManyAttemptsError;
use crate::model::browser_session::BrowserSession;
use crate::model::ids::DeviceAuthorizationId;
use crate::model::policy::approval::Verdict;

/// Shows what this browser has open. Showing changes nothing.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Result<Response, PageError> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let Some(consent) = consent::opened(&app, &browser.tenant, &Approver::from(session)).await? else {
        return Ok(browser.go_to("/device"));
    };
    let risk = risk(&app, &browser, session, &consent).await?;
    let page = page(&app, &browser, session, consent, risk, None);
    Ok(browser.show(StatusCode::OK, &page))
}

/// How its approval looks.
async fn risk(
    app: &App,
    browser: &Browser,
    session: &BrowserSession,
    consent: &Consent,
) -> Result<RiskWords, PageError> {
    let approver = Approver::from(session);
    let approving = Approving::of(&approver, &browser.origin);
    let assessment = assess(app, &browser.tenant, &approving, consent).await?;
    let places = (consent.request.place.as_ref(), session.place.as_ref());
    Ok(risk_words::of(browser.language, &assessment, places))
}

/// Shows it once more, because the code was not typed, or not as it is.
async fn ask_again(
    app: &Arc<App>,
    browser: Browser,
    chosen: &Choices,
    error: Phrase,
) -> Result<Response, PageError> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let Some(consent) = consent::opened(app, &browser.tenant, &Approver::from(session)).await? else {
        return Ok(already_handled(browser));
    };
    let found = risk(app, &browser, session, &consent).await?;
    let page =
        page(app, &browser, session, consent, RiskWords { retype_error: Some(error), ..found }, Some(chosen));
    Ok(browser.show(StatusCode::BAD_REQUEST, &page))
}

/// Takes the decision. The form is bound to this browser, this session and this device; it decides once.
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let language = browser.language;
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let id = form.take("session_id").unwrap_or_default();
    let token = form.take("decision_token").unwrap_or_default();
    let chosen = consent_choices::read(&mut form);
    let (decision, told) = match form.take("decision").as_deref() {
        Some("approve") => (Decision::Approve(chosen.clone()), approved(language)),
        Some("deny") => (Decision::Deny, declined(language)),
        _ => return Err(PageError::ForeignForm),
    };
    let (Ok(id), true) = (id.parse(), browser.is_form_token(&token, &decision_purpose(&id))) else {
        return Err(PageError::ForeignForm);
    };
    let approver = Approver::from(session);
    let typed = form.take("user_code");
    let id = DeviceAuthorizationId(id);
    let answer = Answer { decision, typed: typed.as_deref(), language: language.tag() };
    match decide::decide(&app, &browser.tenant, &approver, id, answer, &browser.origin).await {
        Ok(Decided::Done) => Ok(browser.tell(StatusCode::OK, told.tone, told.title, told.text, None)),
        Ok(Decided::ToBeConfirmed(characters)) => {
            let page = ConfirmationPage {
                frame: browser.frame(),
                characters: characters.as_str().to_owned(),
                decision_token: browser.form_token(&decision_purpose(&id.to_string())),
                session_id: id.to_string(),
            };
            Ok(browser.show(StatusCode::OK, &page))
        }
        Err(DecisionError::MustRetype) => {
            ask_again(&app, browser, &chosen, language.t("risk-error-untyped")).await
        }
        Err(DecisionError::WrongCode) => {
            ask_again(&app, browser, &chosen, language.t("risk-error-wrong-code")).await
        }
        Err(DecisionError::TooManyAttempts(TooManyAttemptsError { retry_after })) => {
            let page = browser.tell(
                StatusCode::TOO_MANY_REQUESTS,
                Tone::Problem,
                language.t("risk-too-many-title"),
                language.t("risk-too-many").phrase("wait", words::wait(language, retry_after)),
                None,
            );
            Ok(try_again_after(Some(retry_after), page))
        }
        Err(DecisionError::Forbidden(assessment)) => {
            let reason = assessment.reasons.iter().find(|finding| finding.verdict == Verdict::Deny);
            let title = language.t("risk-forbidden");
            let text = match reason {
                Some(finding) => risk_words::sentence(language, finding.reason),
                None => language.t("risk-forbidden-hint"),
            };
            Ok(browser.tell(StatusCode::FORBIDDEN, Tone::Problem, title, text, None))
        }
        Err(DecisionError::AlreadyHandled | DecisionError::HeldElsewhere { .. }) => {
            Ok(already_handled(browser))
        }
        Err(DecisionError::SignInNeeded(shortfall)) => {
            if let Some(consent) = consent::opened(&app, &browser.tenant, &approver).await? {
                carried_code::carry_opened(&app, &mut browser, &consent);
            }
            Ok(browser.go_to(way_to_more(shortfall)))
        }
        Err(DecisionError::NothingToGrant) => {
            let (title, text) = (language.t("risk-forbidden"), language.t("consent-nothing-granted"));
            Ok(browser.tell(StatusCode::FORBIDDEN, Tone::Problem, title, text, None))
        }
        Err(DecisionError::Choice(ChoiceError::Name | ChoiceError::Nothing)) => {
            let Some(consent) = consent::opened(&app, &browser.tenant, &approver).await? else {
                return Ok(browser.go_to("/device"));
            };
            let risk = risk(&app, &browser, session, &consent).await?;
            let page = page(&app, &browser, session, consent, risk, Some(&chosen));
            Ok(browser.show(StatusCode::BAD_REQUEST, &page))
        }
        // What there is to choose from has changed since, or the form was changed: the person looks once more.
        Err(DecisionError::Choice(_)) => Ok(browser.go_to("/device/consent")),
        Err(DecisionError::Failed(error)) => Err(error.into()),
    }
}

/// Somebody was faster, or time.
pub(super) fn already_handled(browser: Browser) -> Response {
    let language = browser.language;
    browser.tell(
        StatusCode::CONFLICT,
        Tone::Neutral,
        language.t("consent-handled-title"),
        language.t("consent-handled"),
        Some(language.t("consent-handled-next")),
    )
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

pub(super) fn decision_purpose(id: &str) -> String {
    format!("decide {id}")
}

/// The page, with what the person chose before, if it could not be taken.
fn page(
    app: &Arc<App>,
    browser: &Browser,
    session: &BrowserSession,
    consent: Consent,
    risk: RiskWords,
    chosen: Option<&Choices>,
) -> ConsentPage {
    let id = consent.request.session.id.to_string();
    let choices = ConsentChoices::of(browser.language, &consent, chosen);
    let request = consent.request;
    let named = browser_names::in_words(browser.language, request.user_agent.as_deref());
    ConsentPage {
        frame: browser.frame(),
        client_is_first_party: consent.client.first_party,
        client_is_unverified: consent.client.is_unverified(),
        client_is_public: consent.client.is_public(),
        client_name: consent.client.name.clone(),
        user_code: (risk.retyping == Retyping::No).then(|| consent.user_code.to_string()),
        device: DeviceWords {
            name: request.device.name,
            os: request.device.os,
            hostname: request.device.hostname,
            client_version: request.device.client_version,
            user_agent: request.user_agent.filter(|_| named.is_none()),
            browser: named,
        },
        requested_at: request.created_at.to_rfc3339_opts(SecondsFormat::Secs, true),
        requested_at_words: words::when(browser.language, request.created_at, app.clock.now()),
        ip_address: request.ip_address.map(|address| address.to_string()),
        place: request.place.as_ref().and_then(|place| places::in_words(browser.language, place)),
        resources: consent.resources.into_iter().map(|resource| resource.name).collect(),
        choices,
        account: session.user.username.clone(),
        decision_token: browser.form_token(&decision_purpose(&id)),
        session_id: id,
        risk,
    }
}
