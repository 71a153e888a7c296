//! `/first-administrator`: whoever holds the link that the server showed at its first start makes their account.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use zeroize::Zeroizing;

use super::browser::Browser;
use super::csrf::CsrfChecked;
use super::destination::{self, Destination};
use super::page_error::PageError;
use super::views::{FirstAdministratorPage, NextStep, NoticePage, Tone};
use super::{password_words, signing_browser};
use crate::app::App;
use crate::domain::first_administrator;
use crate::domain::users::UserError;
use crate::http::parameters::Parameters;
use crate::languages::{Language, Phrase};
use crate::model::known_browser::KnownBrowser;

/// Shows the form, if the link is good. Looking at it does not use it up.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    mut browser: Browser,
) -> Result<Response, PageError> {
    let token = Parameters::of_query(query.as_deref())?.take("token").unwrap_or_default();
    if !first_administrator::is_invited(&app, &browser.tenant, &token).await? {
        return Ok(over(browser));
    }
    // The link stays good when the language is changed.
    browser.here = format!("/first-administrator?token={token}");
    Ok(form(browser, String::new(), token, StatusCode::OK, None))
}

/// Makes the account.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let token = form.take("token").unwrap_or_default();
    let username = form.take("username").unwrap_or_default();
    let mut secret = |name| form.take_secret(name).unwrap_or_else(|| Zeroizing::new(String::new()));
    let (password, again) = (secret("password"), secret("password_again"));
    if !first_administrator::is_invited(&app, &browser.tenant, &token).await? {
        return Ok(over(browser));
    }
    let language = browser.language;
    let refused = if password == again {
        let (name, origin) = (username.clone(), browser.origin.clone());
        match first_administrator::create(&app, &browser.tenant, &token, name, password, &origin).await {
            Ok(mark) => return Ok(done(browser, mark)),
            Err(UserError::Store(error)) => return Err(error.into()),
            Err(error) => refusal(language, &error)?,
        }
    } else {
        Some(language.t("set-password-error-different"))
    };
    match refused {
        Some(error) => Ok(self::form(browser, username, token, StatusCode::BAD_REQUEST, Some(error))),
        None => Ok(over(browser)),
    }
}

/// What is told beside the form; `None`: there is nothing more to fill in.
fn refusal(language: Language, error: &UserError) -> Result<Option<Phrase>, PageError> {
    Ok(Some(match error {
        UserError::UnfitUsername => language.t("first-administrator-error-name"),
        UserError::UsernameTaken => language.t("first-administrator-error-taken"),
        UserError::Password(unfit) => password_words::unfit(language, unfit)?,
        _ => return Ok(None),
    }))
}

fn form(
    browser: Browser,
    username: String,
    token: String,
    status: StatusCode,
    error: Option<Phrase>,
) -> Response {
    let frame = browser.frame();
    let page = FirstAdministratorPage { frame, username, token, error };
    browser.show(status, &page)
}

/// Leads on to the sign-in, and through what it demands to the console.
fn done(mut browser: Browser, mark: KnownBrowser) -> Response {
    signing_browser::keep(&mut browser, mark);
    destination::remember(&mut browser, Destination::Console("/admin".to_owned()));
    let frame = browser.frame();
    let next = NextStep { href: format!("{}/sign-in", frame.base), label: frame.t("set-password-continue") };
    let page = NoticePage {
        title: frame.t("first-administrator-done-title"),
        text: frame.t("first-administrator-done"),
        tone: Tone::Success,
        next: Some(next),
        frame,
    };
    browser.show(StatusCode::OK, &page)
}

fn over(browser: Browser) -> Response {
    let language = browser.language;
    let title = language.t("first-administrator-over-title");
    let text = language.t("first-administrator-over");
    browser.tell_dead_link(title, text)
}
