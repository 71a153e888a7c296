//! `/account/security/recovery-codes`: makes them anew.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::authenticator::recovery_codes_page;
use super::shared::{HERE, refuse, sign_in_first, suited};
use crate::app::App;
use crate::domain::second_factor::recovery_codes;
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

/// Gives new ones for a right code.
pub(super) async fn renew(
    State(app): State<Arc<App>>,
    CsrfChecked { mut browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let Some(session) = suited(&app, &browser) else { return Ok(sign_in_first(browser)) };
    let input = form.take_secret("code").unwrap_or_default();
    match recovery_codes::renew(&app, &session, &input, &browser.origin).await {
        Ok(codes) => {
            let page = recovery_codes_page(&app, &mut browser, &codes);
            Ok(browser.show(StatusCode::OK, &page))
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
        action: "/account/security/recovery-codes",
        title: frame.t("recovery-codes-renew-title"),
        intro: frame.t("recovery-codes-renew-intro"),
        submit: frame.t("recovery-codes-renew-submit"),
        connecting: None,
        error: None,
        frame,
    }
}
