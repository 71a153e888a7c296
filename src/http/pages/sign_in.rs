//! `/sign-in`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use zeroize::Zeroizing;

use super::browser::Browser;
use super::csrf::CsrfChecked;
use super::device::enter_code;
use super::page_error::PageError;
use super::views::SignInPage;
use super::{carried_code, destination, signing_browser};
use crate::app::App;
use crate::domain::sign_in::SignInError;
use crate::domain::sign_in::password::{self, Entered};
use crate::domain::sign_in::strength::{self, StrengthError};
use crate::http::retry_after::try_again_after;
use crate::languages::{Phrase, words};
use crate::model::attempt_budget::TooManyAttemptsError;

/// Shows the form, to whoever has not signed in lately.
pub(super) async fn show(State(app): State<Arc<App>>, mut browser: Browser) -> Response {
    let enough = browser
        .session
        .as_ref()
        .is_some_and(|session| strength::must_suit_own_account(&app, session).is_ok());
    // A code that was entered and not opened waits for a better sign-in than this.
    if enough && carried_code::entered(&app, &browser).is_none() {
        let wanted = destination::take(&mut browser);
        return browser.go_to(wanted.as_deref().unwrap_or("/device"));
    }
    signing_browser::read(&app, &mut browser);
    let page = page(&app, &browser, String::new(), None);
    browser.show(StatusCode::OK, &page)
}

/// Signs in, and goes on with the code that the browser carries.
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let username = form.take("username").unwrap_or_default();
    let password = form.take_secret("password").unwrap_or_else(|| Zeroizing::new(String::new()));
    let signing = signing_browser::read(&app, &mut browser);
    let signed_in = password::enter(
        &app,
        &browser.tenant,
        &username,
        password,
        browser.session.as_ref(),
        &signing,
        &browser.origin,
    )
    .await;
    let language = browser.language;
    let (status, error, wait) = match signed_in {
        Ok(Entered::CodeNeeded(secret)) => {
            browser.change_secret(secret);
            return Ok(browser.go_to("/sign-in/code"));
        }
        Ok(Entered::SignedIn(signed_in)) => {
            browser.begin_session(*signed_in);
            return Box::pin(go_on(&app, browser)).await;
        }
        Err(SignInError::WrongCredentials) => {
            (StatusCode::BAD_REQUEST, language.t("sign-in-error-wrong"), None)
        }
        Err(SignInError::TooManyAttempts(TooManyAttemptsError { retry_after })) => (
            StatusCode::TOO_MANY_REQUESTS,
            language.t("sign-in-error-too-many").phrase("wait", words::wait(language, retry_after)),
            Some(retry_after),
        ),
        Err(SignInError::Failed(error)) => return Err(error.into()),
    };
    let page = page(&app, &browser, username, Some(error));
    Ok(try_again_after(wait, browser.show(status, &page)))
}

/// Where whoever has just signed in goes on: to the device that waits, to what their roles demand of them, to where
/// they came from.
pub(super) async fn go_on(app: &Arc<App>, mut browser: Browser) -> Result<Response, PageError> {
    if let Some(code) = carried_code::read(app, &browser) {
        return enter_code(app, browser, &code.entered).await;
    }
    let lacking = browser.session.as_ref().and_then(|session| strength::must_suit_roles(app, session).err());
    if let Some(lacking) = lacking {
        // Where they wanted to go is kept until they have what is demanded.
        return Ok(browser.go_to(way_to_more(lacking)));
    }
    let wanted = destination::take(&mut browser);
    Ok(browser.go_to(wanted.as_deref().unwrap_or("/device")))
}

/// Where a person proves better who they are.
pub(super) const fn way_to_more(shortfall: StrengthError) -> &'static str {
    match shortfall {
        StrengthError::SignIn => "/sign-in",
        StrengthError::Enrolment => "/account/security/authenticator",
    }
}

fn page(app: &Arc<App>, browser: &Browser, username: String, error: Option<Phrase>) -> SignInPage {
    SignInPage {
        frame: browser.frame(),
        username: match &browser.session {
            Some(session) if username.is_empty() => session.user.username.clone(),
            _ => username,
        },
        connecting: carried_code::connecting(app, browser),
        error,
        fresh_required: browser.session.is_some(),
    }
}
