//! `/device/not-me`: whoever was told of an approval by mail says that it was not theirs. Nobody need sign in: whoever
//! took the account over may have changed the password.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::SecondsFormat;

use super::PageRefusal;
use super::browser::Browser;
use super::csrf::CsrfChecked;
use super::views::{NotMePage, Tone};
use super::words;
use crate::app::App;
use crate::domain::not_me;
use crate::http::parameters::Parameters;

/// Shows what was approved, and a button. Programs that look through mail follow its links: showing changes nothing.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    browser: Browser,
    RawQuery(query): RawQuery,
) -> Result<Response, PageRefusal> {
    let token = Parameters::of_query(query.as_deref())?.take("token").unwrap_or_default();
    let Some(approved) = not_me::find(&app, browser.tenant.id, &token).await? else {
        return Ok(dead_link(browser));
    };
    let page = NotMePage {
        frame: browser.frame(),
        client_name: approved.client_name,
        device_name: approved.device_name,
        approved_at: approved.at.to_rfc3339_opts(SecondsFormat::Secs, true),
        approved_at_words: words::when(approved.at, app.clock.now()),
        token,
    };
    Ok(browser.show(StatusCode::OK, &page))
}

/// Ends what was approved.
pub(super) async fn disown(
    State(app): State<Arc<App>>,
    CsrfChecked { browser, mut form }: CsrfChecked,
) -> Result<Response, PageRefusal> {
    let token = form.take("token").unwrap_or_default();
    if !not_me::disown(&app, browser.tenant.id, &token, &browser.origin).await? {
        return Ok(dead_link(browser));
    }
    Ok(browser.tell(
        StatusCode::OK,
        Tone::Success,
        "The device is disconnected",
        "It can do nothing in your name any more. Somebody may know your password: change it now, and wherever else you use it.",
        None,
    ))
}

fn dead_link(browser: Browser) -> Response {
    browser.tell(
        StatusCode::NOT_FOUND,
        Tone::Problem,
        "This link does not work",
        "It was used already, or it is older than seven days. If something is wrong with your account, change your password and tell whoever runs this service.",
        None,
    )
}
