//! `/device`: enter the code (RFC 8628 §3.3).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::browser::Browser;
use super::csrf::CsrfChecked;
use super::page_error::PageError;
use super::sign_in::way_to_more;
use super::views::DeviceEntryPage;
use super::{carried_code, linked_codes};
use crate::app::App;
use crate::domain::device_flow::open::{self, OpenError};
use crate::http::parameters::Parameters;
use crate::http::retry_after::try_again_after;
use crate::languages::words;
use crate::model::approver::Approver;
use crate::model::attempt_budget::TooManyAttemptsError;
use crate::model::device_authorization::CodeArrival;
use crate::model::user_code::{MAX_INPUT_CHARS, UserCode};

/// Shows the form. A code in the address is put into the form, and out of the address; nothing else happens to
/// it, whoever follows the link (RFC 8628 §3.3.1).
pub(super) async fn show(
    State(app): State<Arc<App>>,
    mut browser: Browser,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    if query.is_some() {
        let linked = Parameters::of_query(query.as_deref())?.take("user_code");
        if let Some(code) = linked.filter(|_| app.config.device_flow.verification_uri_complete) {
            let input: String = code.chars().take(MAX_INPUT_CHARS).collect();
            linked_codes::bring(&app, &mut browser, &input);
        }
        return Ok(browser.go_to("/device"));
    }
    let code = code_to_begin_with(&app, &browser);
    let code_from_link = linked_codes::arrival(&app, &browser, &code, None) == CodeArrival::Link;
    let linked = UserCode::parse(&code).ok().filter(|_| code_from_link);
    let page = DeviceEntryPage {
        frame: browser.frame(),
        code_from_link,
        link_mark: linked.map(|code| linked_codes::mark(&browser, &code)),
        code,
        error: None,
    };
    Ok(browser.show(StatusCode::OK, &page))
}

/// What the field holds at first: what a link has brought or the person has sent, whichever came later.
fn code_to_begin_with(app: &Arc<App>, browser: &Browser) -> String {
    let sent = carried_code::read(app, browser);
    let newer_than_sent = |at: i64| sent.as_ref().is_none_or(|sent| at >= sent.since);
    let linked = linked_codes::last(app, browser).filter(|(_, at)| newer_than_sent(*at));
    linked.map(|(input, _)| input).or(sent.map(|code| code.entered)).unwrap_or_default()
}

/// Takes the code. Nobody learns whether it is a live one before signing in.
pub(super) async fn enter(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let input = form.take("user_code").unwrap_or_default();
    let mark = form.take("linked");
    // From here on the code stays a linked one in this browser, whatever other tabs do to its cookies.
    if linked_codes::arrival(&app, &browser, &input, mark.as_deref()) == CodeArrival::Link
        && let Ok(code) = UserCode::parse(&input)
    {
        linked_codes::keep(&app, &mut browser, &code);
    }
    enter_code(&app, browser, &input).await
}

/// Opens the code for whoever is signed in, or has them sign in first.
pub(super) async fn enter_code(
    app: &Arc<App>,
    mut browser: Browser,
    input: &str,
) -> Result<Response, PageError> {
    let short: String = input.chars().take(MAX_INPUT_CHARS + 1).collect();
    let arrival = linked_codes::arrival(app, &browser, &short, None);
    let Some(session) = browser.fresh_session() else {
        carried_code::carry(app, &mut browser, &short);
        return Ok(browser.go_to("/sign-in"));
    };
    let language = browser.language;
    let approver = Approver::from(session);
    let opened = open::open(app, &browser.tenant, &approver, &short, arrival, &browser.origin).await;
    let (status, error, wait) = match opened {
        Ok(_) => {
            carried_code::put_down(app, &mut browser);
            return Ok(browser.go_to("/device/consent"));
        }
        Err(OpenError::SignInNeeded(shortfall)) => {
            carried_code::carry(app, &mut browser, &short);
            return Ok(browser.go_to(way_to_more(shortfall)));
        }
        Err(OpenError::NoSuchCode) => {
            (StatusCode::BAD_REQUEST, language.t("device-error-no-such-code"), None)
        }
        Err(OpenError::HeldElsewhere { left }) => (
            StatusCode::CONFLICT,
            language.t("device-error-held-elsewhere").phrase("wait", words::wait(language, left)),
            Some(left),
        ),
        Err(OpenError::TooManyAttempts(TooManyAttemptsError { retry_after })) => (
            StatusCode::TOO_MANY_REQUESTS,
            language.t("device-error-too-many").phrase("wait", words::wait(language, retry_after)),
            Some(retry_after),
        ),
        Err(OpenError::Failed(error)) => return Err(error.into()),
    };
    carried_code::put_down(app, &mut browser);
    let page = DeviceEntryPage {
        frame: browser.frame(),
        code: short,
        code_from_link: false,
        link_mark: None,
        error: Some(error),
    };
    Ok(try_again_after(wait, browser.show(status, &page)))
}
