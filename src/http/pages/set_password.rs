//! `/set-password`: a person with a link chooses a password.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use zeroize::Zeroizing;

use super::browser::Browser;
use super::csrf::CsrfChecked;
use super::page_error::PageError;
use super::views::{SetPasswordPage, Tone};
use super::{password_words, signing_browser};
use crate::app::App;
use crate::domain::password_links;
use crate::domain::users::UserError;
use crate::http::parameters::Parameters;
use crate::languages::Phrase;

/// Shows the form, if the link is good. Looking at it does not use it up: mail programs open links too.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    mut browser: Browser,
) -> Result<Response, PageError> {
    let token = Parameters::of_query(query.as_deref())?.take("token").unwrap_or_default();
    match password_links::owner(&app, &browser.tenant, &token).await? {
        Some(user) => {
            // The link stays good when the language is changed.
            browser.here = format!("/set-password?token={token}");
            Ok(form(browser, user.username, token, StatusCode::OK, None))
        }
        None => Ok(over(browser)),
    }
}

/// Puts the password in place.
pub(super) async fn choose(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let token = form.take("token").unwrap_or_default();
    let mut secret = |name| form.take_secret(name).unwrap_or_else(|| Zeroizing::new(String::new()));
    let (password, again) = (secret("password"), secret("password_again"));
    let Some(user) = password_links::owner(&app, &browser.tenant, &token).await? else {
        return Ok(over(browser));
    };
    let language = browser.language;
    let refuse = |browser, username, token, error| {
        Ok(self::form(browser, username, token, StatusCode::BAD_REQUEST, Some(error)))
    };
    if password != again {
        return refuse(browser, user.username, token, language.t("set-password-error-different"));
    }
    match password_links::choose(&app, &browser.tenant, &token, password, &browser.origin).await {
        Ok(mark) => {
            signing_browser::keep(&mut browser, mark);
            Ok(browser.tell(
                StatusCode::OK,
                Tone::Success,
                language.t("set-password-done-title"),
                language.t("set-password-done"),
                Some(language.t("set-password-continue")),
            ))
        }
        Err(UserError::Password(unfit)) => {
            refuse(browser, user.username, token, password_words::unfit(language, &unfit)?)
        }
        Err(UserError::Store(error)) => Err(error.into()),
        Err(_) => Ok(over(browser)),
    }
}

fn form(
    browser: Browser,
    username: String,
    token: String,
    status: StatusCode,
    error: Option<Phrase>,
) -> Response {
    let frame = browser.frame();
    let page = SetPasswordPage { frame, username, token, error };
    browser.show(status, &page)
}

fn over(browser: Browser) -> Response {
    let language = browser.language;
    let (title, text) = (language.t("set-password-over-title"), language.t("set-password-over"));
    browser.tell_dead_link(title, text)
}
