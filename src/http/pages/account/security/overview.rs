//! `/account/security`: what there is to change.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::shared::{sign_in_first, suited};
use super::views::SecurityPage;
use crate::app::App;
use crate::domain::second_factor::recovery_codes as codes;
use crate::http::pages::browser::Browser;
use crate::http::pages::page_error::PageError;

/// Shows what there is.
pub(super) async fn show(State(app): State<Arc<App>>, browser: Browser) -> Result<Response, PageError> {
    let Some(session) = suited(&app, &browser) else { return Ok(sign_in_first(browser)) };
    let recovery_codes =
        if session.has_second_factor { Some(codes::left(&app, &session.user).await?) } else { None };
    let page = SecurityPage { frame: browser.frame(), recovery_codes };
    Ok(browser.show(StatusCode::OK, &page))
}
