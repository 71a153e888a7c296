//! `/sign-in`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use zeroize::Zeroizing;

use super::browser::Browser;
use super::carried_code::{self, Stage};
use super::csrf::CsrfChecked;
use super::device::enter_code;
use super::languages::Phrase;
use super::views::SignInPage;
use super::{PageRefusal, try_again_after, words};
use crate::app::App;
use crate::domain::sign_in::{self, SignInRefused};
use crate::model::attempt_budget::Exhausted;
use crate::model::user_code::UserCode;

/// Shows the form, to whoever has not signed in lately.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Response {
    if browser.fresh_session().is_some() {
        return browser.go_to("/device");
    }
    let page = page(&app, &browser, String::new(), None);
    browser.show(StatusCode::OK, &page)
}

/// Signs in, and goes on with the code that the browser carries.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    let username = form.take("username").unwrap_or_default();
    let password = form.take_secret("password").unwrap_or_else(|| Zeroizing::new(String::new()));
    let signed_in = sign_in::sign_in(
        &app,
        &browser.tenant,
        &username,
        password,
        browser.session.as_ref(),
        &browser.origin,
    )
    .await;
    let language = browser.language;
    let (status, error, wait) = match signed_in {
        Ok((session, secret)) => {
            browser.change_secret(secret);
            browser.session = Some(session);
            return match carried_code::read(&app, &browser) {
                Some(code) if code.stage == Stage::Entered => enter_code(&app, browser, &code.input).await,
                _ => Ok(browser.go_to("/device")),
            };
        }
        Err(SignInRefused::WrongCredentials) => {
            (StatusCode::BAD_REQUEST, language.t("sign-in-error-wrong"), None)
        }
        Err(SignInRefused::TooManyAttempts(Exhausted { retry_after })) => (
            StatusCode::TOO_MANY_REQUESTS,
            language.t("sign-in-error-too-many").phrase("wait", words::wait(language, retry_after)),
            Some(retry_after),
        ),
        Err(SignInRefused::Store(error)) => return Err(error.into()),
    };
    let page = page(&app, &browser, username, Some(error));
    Ok(try_again_after(wait, browser.show(status, &page)))
}

fn page(app: &Arc<App>, browser: &Browser, username: String, error: Option<Phrase>) -> SignInPage {
    let code = carried_code::read(app, browser)
        .filter(|code| code.stage == Stage::Entered)
        .and_then(|code| UserCode::parse(&code.input).ok());
    SignInPage {
        frame: browser.frame(),
        username: match &browser.session {
            Some(session) if username.is_empty() => session.user.username.clone(),
            _ => username,
        },
        code: code.map(|code| code.to_string()),
        error,
        fresh_required: browser.session.is_some(),
    }
}
