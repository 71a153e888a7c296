//! `/device/consent`: see who asks, from where, for what, and decide (RFC 8628 §3.3, §5.4).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::SecondsFormat;

use super::PageRefusal;
use super::browser::Browser;
use super::carried_code::{self, Stage};
use super::csrf::{CsrfChecked, equal};
use super::views::{ConsentPage, DeviceWords, ScopeWords, Tone};
use super::words;
use crate::app::App;
use crate::domain::device_flow::decide::{self, Decision, DecisionRefused};
use crate::domain::device_flow::open::{self, Consent};
use crate::domain::granting;
use crate::model::browser_session::BrowserSession;
use crate::model::ids::DeviceSessionId;

/// Shows what this browser has open. Showing changes nothing.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Result<Response, PageRefusal> {
    let Some(session) = &browser.session else { return Ok(browser.go_to("/sign-in")) };
    let Some(consent) = open::opened(&app, &browser.tenant, session).await? else {
        return Ok(browser.go_to("/device"));
    };
    let page = page(&app, &browser, session, consent);
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
    let decision = match form.take("decision").as_deref() {
        Some("approve") => Decision::Approve,
        Some("deny") => Decision::Deny,
        _ => return Err(PageRefusal::ForeignForm),
    };
    let (Ok(id), true) = (id.parse(), equal(&token, &browser.form_token(&decision_purpose(&id)))) else {
        return Err(PageRefusal::ForeignForm);
    };
    match decide::decide(&app, &browser.tenant, session, DeviceSessionId(id), decision, &browser.origin).await
    {
        Ok(()) => Ok(decided(browser, decision)),
        Err(DecisionRefused::AlreadyHandled) => Ok(browser.tell(
            StatusCode::CONFLICT,
            Tone::Neutral,
            language.t("consent-handled-title"),
            language.t("consent-handled"),
            Some(language.t("consent-handled-next")),
        )),
        Err(DecisionRefused::StaleSignIn) => {
            if let Some(consent) = open::opened(&app, &browser.tenant, session).await? {
                carried_code::carry(&app, &mut browser, consent.user_code.as_str(), Stage::Entered);
            }
            Ok(browser.go_to("/sign-in"))
        }
        Err(DecisionRefused::Failed(error)) => Err(error.into()),
    }
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

fn decision_purpose(id: &str) -> String {
    format!("decide {id}")
}

fn page(app: &Arc<App>, browser: &Browser, session: &BrowserSession, consent: Consent) -> ConsentPage {
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
    }
}
