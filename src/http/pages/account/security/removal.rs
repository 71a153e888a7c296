//! `/account/security/remove-authenticator`

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::shared::{HERE, done, refuse, sign_in_first, suited};
use crate::app::App;
use crate::domain::second_factor::remove;
use crate::http::pages::browser::Browser;
use crate::http::pages::code_page::CodePage;
use crate::http::pages::csrf::CsrfChecked;
use crate::http::pages::page_error::PageError;

/// Asks for a code.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Response {
    match suited(&app, &browser) {
        None => sign_in_first(browser),
        Some(session) if !session.has_second_factor => browser.go_to(HERE),
        Some(_) => page(&browser).ask(browser),
    }
}

/// Removes the second factor for a right code.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = suited(&app, &browser) else { return Ok(sign_in_first(browser)) };
    let input = form.take_secret("code").unwrap_or_default();
    match remove::remove(&app, &session, &input, &browser.origin).await {
        Ok(()) => {
            let language = browser.language;
            Ok(done(browser, language.t("removal-done-title"), language.t("removal-done")))
        }
        Err(refused) => {
            let page = page(&browser);
            refuse(browser, page, refused)
        }
    }
}

fn page(browser: &Browser) -> CodePage {
    let frame = browser.frame();
    CodePage {
        action: "/account/security/remove-authenticator",
        title: frame.t("removal-title"),
        intro: frame.t("removal-intro"),
        submit: frame.t("removal-submit"),
        connecting: None,
        error: None,
        frame,
    }
}
