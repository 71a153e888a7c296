//! `/device/consent`: see who asks, from where, for what, and decide (RFC 8628 §3.3, §5.4).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::SecondsFormat;

use super::browser::Browser;
use super::carried_code::{self, Stage};
use super::csrf::{CsrfChecked, equal};
use super::languages::Phrase;
use super::views::{ConfirmationPage, ConsentPage, DeviceWords, RiskWords, ScopeWords, Tone};
use super::words;
use super::{PageRefusal, risk_words, try_again_after};
use crate::app::App;
use crate::domain::approval::{Approving, assess};
use crate::domain::device_flow::decide::{self, Decided, Decision, DecisionRefused};
use crate::domain::device_flow::open::{self, Consent};
use crate::domain::granting;
use crate::model::attempt_budget::Exhausted;
use crate::model::browser_session::BrowserSession;
use crate::model::ids::DeviceSessionId;
use crate::model::policy::approval::Verdict;

/// Shows what this browser has open. Showing changes nothing.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let Some(consent) = open::opened(&app, &browser.tenant, session).await? else {
        return Ok(browser.go_to("/device"));
    };
    let approving = Approving::at(session, &browser.origin);
    let risk = risk_words::of(browser.language, &assess(&app, &browser.tenant, &approving, &consent).await?);
    let page = page(&app, &browser, session, consent, risk);
    Ok(browser.show(StatusCode::OK, &page))
}

/// Shows it once more, because the code was not typed, or not as it is.
async fn ask_again(app: &Arc<App>, browser: Browser, error: Phrase) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let Some(consent) = open::opened(app, &browser.tenant, session).await? else {
        return Ok(already_handled(browser));
    };
    let approving = Approving::at(session, &browser.origin);
    let assessment = assess(app, &browser.tenant, &approving, &consent).await?;
    let risk = RiskWords { retype_error: Some(error), ..risk_words::of(browser.language, &assessment) };
    let page = page(app, &browser, session, consent, risk);
    Ok(browser.show(StatusCode::BAD_REQUEST, &page))
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
    let decision = match form.take("decision").as_deref() {
        Some("approve") => Decision::Approve,
        Some("deny") => Decision::Deny,
        _ => return Err(PageRefusal::ForeignForm),
    };
    let (Ok(id), true) = (id.parse(), equal(&token, &browser.form_token(&decision_purpose(&id)))) else {
        return Err(PageRefusal::ForeignForm);
    };
    let typed = form.take("user_code");
    let (typed, id) = (typed.as_deref(), DeviceSessionId(id));
    match decide::decide(&app, &browser.tenant, session, id, decision, typed, &browser.origin).await {
        Ok(Decided::Done) => Ok(decided(browser, decision)),
        Ok(Decided::ToBeConfirmed(characters)) => {
            let page = ConfirmationPage {
                frame: browser.frame(),
                characters: characters.as_str().to_owned(),
                decision_token: browser.form_token(&decision_purpose(&id.to_string())),
                session_id: id.to_string(),
            };
            Ok(browser.show(StatusCode::OK, &page))
        }
        Err(DecisionRefused::MustRetype) => ask_again(&app, browser, language.t("risk-error-untyped")).await,
        Err(DecisionRefused::WrongCode) => {
            ask_again(&app, browser, language.t("risk-error-wrong-code")).await
        }
        Err(DecisionRefused::TooManyAttempts(Exhausted { retry_after })) => {
            let page = browser.tell(
                StatusCode::TOO_MANY_REQUESTS,
                Tone::Problem,
                language.t("risk-too-many-title"),
                language.t("risk-too-many").phrase("wait", words::wait(language, retry_after)),
                None,
            );
            Ok(try_again_after(Some(retry_after), page))
        }
        Err(DecisionRefused::Forbidden(assessment)) => {
            let reason = assessment.reasons.iter().find(|finding| finding.verdict == Verdict::Deny);
            let title = language.t("risk-forbidden");
            let text = match reason {
                Some(finding) => risk_words::sentence(language, finding.reason),
                None => language.t("risk-forbidden-hint"),
            };
            Ok(browser.tell(StatusCode::FORBIDDEN, Tone::Problem, title, text, None))
        }
        Err(DecisionRefused::AlreadyHandled) => Ok(already_handled(browser)),
        Err(DecisionRefused::StaleSignIn) => {
            if let Some(consent) = open::opened(&app, &browser.tenant, session).await? {
                let arrival = consent.request.arrival;
                let code = consent.user_code.as_str();
                carried_code::carry(&app, &mut browser, code, Stage::ToSignInAnew, arrival);
            }
            Ok(browser.go_to("/sign-in"))
        }
        Err(DecisionRefused::Failed(error)) => Err(error.into()),
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

fn decided(browser: Browser, decision: Decision) -> Response {
    let language = browser.language;
    match decision {
        Decision::Approve => browser.tell(
            StatusCode::OK,
            Tone::Success,
            language.t("consent-approved-title"),
            language.t("consent-approved"),
            None,
        ),
        Decision::Deny => browser.tell(
            StatusCode::OK,
            Tone::Neutral,
            language.t("consent-declined-title"),
            language.t("consent-declined"),
            None,
        ),
    }
}

pub(super) fn decision_purpose(id: &str) -> String {
    format!("decide {id}")
}

fn page(
    app: &Arc<App>,
    browser: &Browser,
    session: &BrowserSession,
    consent: Consent,
    risk: RiskWords,
) -> ConsentPage {
    let id = consent.request.session.id.to_string();
    let renewable = granting::brings_refresh_token(&consent.client, &consent.scope_names());
    let request = consent.request;
    ConsentPage {
        frame: browser.frame(),
        client_is_first_party: consent.client.first_party,
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
        scopes: consent
            .scopes
            .into_iter()
            .map(|scope| ScopeWords { name: scope.name, description: scope.description })
            .collect(),
        resources: consent.resources.into_iter().map(|resource| resource.name).collect(),
        access_lifetime_words: words::lifetime(browser.language, &app.config.tokens, renewable),
        account: session.user.username.clone(),
        decision_token: browser.form_token(&decision_purpose(&id)),
        session_id: id,
        risk,
    }
}
