//! `/sign-in/code`: the second step of a sign-in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::browser::Browser;
use super::code_page::{CodePage, Wrong};
use super::csrf::CsrfChecked;
use super::page_error::PageError;
use super::sign_in::go_on;
use super::{carried_code, signing_browser};
use crate::app::App;
use crate::domain::sign_in::{SignInError, code};

/// Asks for the code, in the browser where the password was right a moment ago.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Result<Response, PageError> {
    if code::awaited(&app, browser.tenant.id, browser.secret()).await?.is_none() {
        return Ok(browser.go_to("/sign-in"));
    }
    Ok(page(&app, &browser).ask(browser))
}

/// Takes the code, and goes on with the user code that the browser carries.
pub(super) async fn enter(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(half) = code::awaited(&app, browser.tenant.id, browser.secret()).await? else {
        return Ok(browser.go_to("/sign-in"));
    };
    let input = form.take_secret("code").unwrap_or_default();
    let signing = signing_browser::read(&app, &mut browser);
    match code::enter(&app, &browser.tenant, half, &signing, &input, &browser.origin).await {
        Ok(signed_in) => {
            browser.begin_session(signed_in);
            go_on(&app, browser).await
        }
        Err(SignInError::WrongCredentials) => Ok(page(&app, &browser).ask_again(browser, &Wrong::Code)),
        Err(SignInError::TooManyAttempts(exhausted)) => {
            Ok(page(&app, &browser).ask_again(browser, &Wrong::TooMany(exhausted)))
        }
        Err(SignInError::Failed(error)) => Err(error.into()),
    }
}

fn page(app: &Arc<App>, browser: &Browser) -> CodePage {
    let frame = browser.frame();
    CodePage {
        action: "/sign-in/code",
        title: frame.t("code-sign-in-title"),
        intro: frame.t("code-sign-in-intro"),
        submit: frame.t("sign-in-submit"),
        connecting: carried_code::connecting(app, browser),
        error: None,
        frame,
    }
}
