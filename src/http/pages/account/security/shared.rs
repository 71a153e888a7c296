//! What the pages of one's own sign-in share.

use axum::http::StatusCode;
use axum::response::Response;

use crate::app::App;
use crate::domain::second_factor::SecondFactorError;
use crate::domain::sign_in::strength;
use crate::http::pages::browser::Browser;
use crate::http::pages::code_page::{CodePage, Wrong};
use crate::http::pages::destination::{self, Destination};
use crate::http::pages::page_error::PageError;
use crate::http::pages::views::{NextStep, NoticePage, Tone};
use crate::languages::Phrase;
use crate::model::browser_session::BrowserSession;

/// Where these pages begin.
pub(super) const HERE: &str = "/account/security";

/// The session, if it is good enough for all that is done here.
pub(super) fn suited(app: &App, browser: &Browser) -> Option<BrowserSession> {
    let session = browser.session.as_ref()?;
    strength::must_suit_own_account(app, session).ok()?;
    Some(session.clone())
}

pub(super) fn sign_in_first(mut browser: Browser) -> Response {
    destination::remember(&mut browser, Destination::Security);
    browser.go_to("/sign-in")
}

/// Answers a refusal in the way that `page` asks for the code.
pub(super) fn refuse(
    browser: Browser,
    page: CodePage,
    refused: SecondFactorError,
) -> Result<Response, PageError> {
    match refused {
        SecondFactorError::WrongCode => Ok(page.ask_again(browser, &Wrong::Code)),
        SecondFactorError::TooManyAttempts(exhausted) => {
            Ok(page.ask_again(browser, &Wrong::TooMany(exhausted)))
        }
        SecondFactorError::SignInNeeded(_) => Ok(sign_in_first(browser)),
        SecondFactorError::NotNow => Ok(browser.go_to(HERE)),
        SecondFactorError::Failed(error) => Err(error.into()),
    }
}

/// Tells that something was done.
pub(super) fn done(browser: Browser, title: Phrase, text: Phrase) -> Response {
    let frame = browser.frame();
    let next = NextStep { href: format!("{}{HERE}", frame.base), label: frame.t("security-back") };
    let page = NoticePage { frame, title, text, tone: Tone::Success, next: Some(next) };
    browser.show(StatusCode::OK, &page)
}
