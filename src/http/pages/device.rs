//! `/device`: enter the code (RFC 8628 §3.3).

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::browser::Browser;
use super::carried_code::{self, Stage};
use super::csrf::CsrfChecked;
use super::views::DeviceEntryPage;
use super::{PageRefusal, try_again_after, words};
use crate::app::App;
use crate::domain::device_flow::open::{self, OpenRefused};
use crate::http::parameters::Parameters;
use crate::model::attempt_budget::Exhausted;
use crate::model::user_code::MAX_INPUT_CHARS;

/// Shows the form. A code in the address is put into the form, and out of the address; nothing else happens to
/// it, whoever follows the link (RFC 8628 §3.3.1).
pub(super) async fn show(
    State(app): State<Arc<App>>,
    mut browser: Browser,
    RawQuery(query): RawQuery,
) -> Result<Response, PageRefusal> {
    if query.is_some() {
        let linked = Parameters::of_query(query.as_deref())?.take("user_code");
        if let Some(code) = linked.filter(|_| app.config.device_flow.verification_uri_complete) {
            let input: String = code.chars().take(MAX_INPUT_CHARS).collect();
            carried_code::carry(&app, &mut browser, &input, Stage::Linked);
        }
        return Ok(browser.go_to("/device"));
    }
    let carried = carried_code::read(&app, &browser);
    let page = DeviceEntryPage {
        frame: browser.frame(),
        code_from_link: carried.as_ref().is_some_and(|code| code.stage == Stage::Linked),
        code: carried.map(|code| code.input).unwrap_or_default(),
        error: None,
    };
    Ok(browser.show(StatusCode::OK, &page))
}

/// Takes the code. Nobody learns whether it is a live one before signing in.
pub(super) async fn enter(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    let input = form.take("user_code").unwrap_or_default();
    enter_code(&app, browser, &input).await
}

/// Opens the code for whoever is signed in, or has them sign in first.
pub(super) async fn enter_code(
    app: &Arc<App>,
    mut browser: Browser,
    input: &str,
) -> Result<Response, PageRefusal> {
    let short: String = input.chars().take(MAX_INPUT_CHARS + 1).collect();
    let Some(session) = browser.fresh_session() else {
        carried_code::carry(app, &mut browser, &short, Stage::Entered);
        return Ok(browser.go_to("/sign-in"));
    };
    let language = browser.language;
    let (status, error, wait) = match open::open(app, &browser.tenant, session, &short, &browser.origin).await
    {
        Ok(_) => {
            carried_code::put_down(&mut browser);
            return Ok(browser.go_to("/device/consent"));
        }
        Err(OpenRefused::StaleSignIn) => {
            carried_code::carry(app, &mut browser, &short, Stage::Entered);
            return Ok(browser.go_to("/sign-in"));
        }
        Err(OpenRefused::NoSuchCode) => {
            (StatusCode::BAD_REQUEST, language.t("device-error-no-such-code"), None)
        }
        Err(OpenRefused::TooManyAttempts(Exhausted { retry_after })) => (
            StatusCode::TOO_MANY_REQUESTS,
            language.t("device-error-too-many").phrase("wait", words::wait(language, retry_after)),
            Some(retry_after),
        ),
        Err(OpenRefused::Store(error)) => return Err(error.into()),
    };
    carried_code::put_down(&mut browser);
    let page =
        DeviceEntryPage { frame: browser.frame(), code: short, code_from_link: false, error: Some(error) };
    Ok(try_again_after(wait, browser.show(status, &page)))
}
