//! The form that asks for a code of the second factor, wherever it is asked for.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::browser::Browser;
use super::views::PageFrame;
use crate::http::retry_after::try_again_after;
use crate::languages::{Phrase, words};
use crate::model::attempt_budget::TooManyAttemptsError;

/// The form.
#[derive(Debug, Clone, Template)]
#[template(path = "code_page.html", config = ".askama.toml")]
pub(super) struct CodePage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// The path of the form below `frame.base`.
    pub action: &'static str,
    /// What the code is for.
    pub title: Phrase,
    /// The same in a sentence or two.
    pub intro: Phrase,
    /// The words on the button.
    pub submit: Phrase,
    /// For which device the person signs in.
    pub connecting: Option<Phrase>,
    /// Why the last code was not taken.
    pub error: Option<Phrase>,
}

/// What is wrong with a code: one thing, whatever it is.
pub(super) enum Wrong {
    Code,
    TooMany(TooManyAttemptsError),
}

impl CodePage {
    /// Asks.
    pub(super) fn ask(self, browser: Browser) -> Response {
        browser.show(StatusCode::OK, &self)
    }

    /// Asks once more.
    pub(super) fn ask_again(mut self, browser: Browser, wrong: &Wrong) -> Response {
        let (status, error, wait) = match wrong {
            Wrong::Code => (StatusCode::BAD_REQUEST, self.frame.t("code-error-wrong"), None),
            Wrong::TooMany(TooManyAttemptsError { retry_after }) => {
                let wait = words::wait(self.frame.language, *retry_after);
                let error = self.frame.t("code-error-too-many").phrase("wait", wait);
                (StatusCode::TOO_MANY_REQUESTS, error, Some(*retry_after))
            }
        };
        self.error = Some(error);
        try_again_after(wait, browser.show(status, &self))
    }
}
