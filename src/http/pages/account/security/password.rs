//! `/account/security/password`

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::shared::{done, sign_in_first, suited};
use super::views::PasswordPage;
use crate::app::App;
use crate::domain::change_password::{self, AlsoEnd, Changed, PasswordChangeError};
use crate::http::pages::browser::Browser;
use crate::http::pages::csrf::CsrfChecked;
use crate::http::pages::page_error::PageError;
use crate::http::pages::{password_words, signing_browser};
use crate::http::retry_after::try_again_after;
use crate::languages::{Phrase, words};
use crate::model::attempt_budget::TooManyAttemptsError;

/// Asks for the old password and the new one.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Response {
    match suited(&app, &browser) {
        None => sign_in_first(browser),
        Some(session) => {
            let page = page(&browser, &session.user.username, None);
            browser.show(StatusCode::OK, &page)
        }
    }
}

/// Changes it.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = suited(&app, &browser) else { return Ok(sign_in_first(browser)) };
    let language = browser.language;
    let current = form.take_secret("current_password").unwrap_or_default();
    let new = form.take_secret("new_password").unwrap_or_default();
    let repeated = form.take_secret("new_password_repeated").unwrap_or_default();
    let also = AlsoEnd {
        other_browsers: form.take("end_other_browsers").is_some(),
        devices: form.take("end_devices").is_some(),
    };
    let (status, error, wait) = if new == repeated {
        match change_password::change(&app, &session, current, &new, also, &browser.origin).await {
            Ok(Changed { secret, mark }) => {
                browser.change_secret(secret);
                signing_browser::keep(&mut browser, mark);
                return Ok(done(browser, language.t("password-done-title"), language.t("password-done")));
            }
            Err(PasswordChangeError::WrongPassword) => {
                (StatusCode::BAD_REQUEST, language.t("password-error-wrong"), None)
            }
            Err(PasswordChangeError::Unfit(unfit)) => {
                (StatusCode::BAD_REQUEST, password_words::unfit(language, &unfit)?, None)
            }
            Err(PasswordChangeError::TooManyAttempts(TooManyAttemptsError { retry_after })) => (
                StatusCode::TOO_MANY_REQUESTS,
                language.t("sign-in-error-too-many").phrase("wait", words::wait(language, retry_after)),
                Some(retry_after),
            ),
            Err(PasswordChangeError::SignInNeeded(_)) => return Ok(sign_in_first(browser)),
            Err(PasswordChangeError::Failed(error)) => return Err(error.into()),
        }
    } else {
        (StatusCode::BAD_REQUEST, language.t("password-error-repeated"), None)
    };
    let page = page(&browser, &session.user.username, Some(error));
    Ok(try_again_after(wait, browser.show(status, &page)))
}

fn page(browser: &Browser, username: &str, error: Option<Phrase>) -> PasswordPage {
    let frame = browser.frame();
    PasswordPage {
        hint: password_words::with_lengths(frame.t("password-hint")),
        username: username.to_owned(),
        frame,
        error,
    }
}
