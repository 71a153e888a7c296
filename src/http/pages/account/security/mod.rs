//! `/account/security`: how one signs in. All of it needs a recent sign-in, with all that the person has.

mod authenticator;
mod password;
mod recovery_codes;
mod removal;
pub mod views;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::super::PageRefusal;
use super::super::browser::Browser;
use super::super::code_page::{CodePage, Wrong};
use super::super::destination::{self, Destination};
use super::super::views::{NextStep, NoticePage, Tone};
use crate::app::App;
use crate::domain::second_factor::{SecondFactorRefused, recovery_codes as codes};
use crate::domain::sign_in::strength;
use crate::languages::Phrase;
use crate::model::browser_session::BrowserSession;
use views::SecurityPage;

const HERE: &str = "/account/security";

/// The routes.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route(HERE, get(show))
        .route("/account/security/password", get(password::show).post(password::change))
        .route("/account/security/authenticator", get(authenticator::show).post(authenticator::set_up))
        .route("/account/security/recovery-codes", get(recovery_codes::show).post(recovery_codes::renew))
        .route("/account/security/remove-authenticator", get(removal::show).post(removal::remove))
}

/// Shows what there is.
async fn show(State(app): State<Arc<App>>, browser: Browser) -> Result<Response, PageRefusal> {
    let Some(session) = suited(&app, &browser) else { return Ok(sign_in_first(browser)) };
    let recovery_codes =
        if session.has_second_factor { Some(codes::left(&app, &session.user).await?) } else { None };
    let page = SecurityPage { frame: browser.frame(), recovery_codes };
    Ok(browser.show(StatusCode::OK, &page))
}

/// The session, if it is good enough for all that is done here.
fn suited(app: &App, browser: &Browser) -> Option<BrowserSession> {
    let session = browser.session.as_ref()?;
    strength::must_suit_own_account(app, session).ok()?;
    Some(session.clone())
}

fn sign_in_first(mut browser: Browser) -> Response {
    destination::remember(&mut browser, Destination::Security);
    browser.go_to("/sign-in")
}

/// Answers a refusal in the way that `page` asks for the code.
fn refuse(browser: Browser, page: CodePage, refused: SecondFactorRefused) -> Result<Response, PageRefusal> {
    match refused {
        SecondFactorRefused::WrongCode => Ok(page.ask_again(browser, &Wrong::Code)),
        SecondFactorRefused::TooManyAttempts(exhausted) => {
            Ok(page.ask_again(browser, &Wrong::TooMany(exhausted)))
        }
        SecondFactorRefused::SignInNeeded(_) => Ok(sign_in_first(browser)),
        SecondFactorRefused::NotNow => Ok(browser.go_to(HERE)),
        SecondFactorRefused::Failed(error) => Err(error.into()),
    }
}

/// Tells that something was done.
fn done(browser: Browser, title: Phrase, text: Phrase) -> Response {
    let frame = browser.frame();
    let next = NextStep { href: format!("{}{HERE}", frame.base), label: frame.t("security-back") };
    let page = NoticePage { frame, title, text, tone: Tone::Success, next: Some(next) };
    browser.show(StatusCode::OK, &page)
}
