//! `/device/not-me`: whoever was told of an approval by mail says that it was not theirs. Nobody need sign in: whoever
//! took the account over may have changed the password.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::SecondsFormat;

use super::browser::Browser;
use super::csrf::CsrfChecked;
use super::page_error::PageError;
use super::views::{NotMePage, Tone};
use crate::app::App;
use crate::domain::not_me;
use crate::http::parameters::Parameters;
use crate::languages::words;

/// Shows what was approved, and a button. Programs that look through mail follow its links: showing changes nothing.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    mut browser: Browser,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let token = Parameters::of_query(query.as_deref())?.take("token").unwrap_or_default();
    let Some(approved) = not_me::find(&app, browser.tenant.id, &token).await? else {
        return Ok(dead_link(browser));
    };
    browser.here = format!("/device/not-me?token={token}");
    let page = NotMePage {
        frame: browser.frame(),
        client_name: approved.client_name,
        device_name: approved.device_name,
        approved_at: approved.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        approved_at_words: words::when(browser.language, approved.at, app.clock.now()),
        token,
    };
    Ok(browser.show(StatusCode::OK, &page))
}

/// Ends what was approved.
pub(super) async fn disown(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageError> {
    let token = form.take("token").unwrap_or_default();
    if !not_me::disown(&app, &browser.tenant, &token, &browser.origin).await? {
        return Ok(dead_link(browser));
    }
    let (title, text) = (browser.language.t("not-me-done-title"), browser.language.t("not-me-done"));
    Ok(browser.tell(StatusCode::OK, Tone::Success, title, text, None))
}

fn dead_link(browser: Browser) -> Response {
    let (title, text) = (browser.language.t("not-me-dead-title"), browser.language.t("not-me-dead"));
    browser.tell_dead_link(title, text)
}
