//! The user code that a browser carries from the link or the form through sign-in, so that nobody types it
//! twice and no address holds it longer than one request. It is sealed: not for the browser's eyes.

use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::browser::Browser;
use crate::app::App;
use crate::model::device_session::CodeArrival;
use crate::model::user_code::UserCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const PURPOSE: &str = "code";
/// How long it is carried: as long as the longest-lived code.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// A code on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CarriedCode {
    /// What was typed or linked.
    pub(super) input: String,
    /// How far it has come.
    pub(super) stage: Stage,
    /// How it came here.
    pub(super) arrival: CodeArrival,
    /// When it set out, in Unix seconds.
    since: i64,
}

/// How far a carried code has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// It came with a link; the person has not confirmed it.
    Linked,
    /// The person has sent it, and signs in now.
    Entered,
}

/// The code this browser carries.
pub(super) fn read(app: &Arc<App>, browser: &Browser) -> Option<CarriedCode> {
    let sealed = URL_SAFE_NO_PAD.decode(browser.cookie(PURPOSE)?).ok()?;
    let opened = app.secrets.cookies.open(&sealed, &context(browser)).ok()?;
    let code: CarriedCode = serde_json::from_slice(&opened).ok()?;
    let age = app.clock.now().timestamp() - code.since;
    (age <= LIFETIME.num_seconds()).then_some(code)
}

/// The code that the person has sent before they were asked to sign in, if it can be one.
pub(super) fn entered(app: &Arc<App>, browser: &Browser) -> Option<UserCode> {
    let carried = read(app, browser).filter(|code| code.stage == Stage::Entered)?;
    UserCode::parse(&carried.input).ok()
}

/// Lets the browser carry a code.
pub(super) fn carry(app: &Arc<App>, browser: &mut Browser, input: &str, stage: Stage, arrival: CodeArrival) {
    let code = CarriedCode { input: input.to_owned(), stage, arrival, since: app.clock.now().timestamp() };
    let Ok(text) = serde_json::to_vec(&code) else { return };
    let sealed = app.secrets.cookies.seal(&text, &context(browser), &app.random);
    browser.set_cookie(PURPOSE, URL_SAFE_NO_PAD.encode(sealed));
}

/// How a code that was sent came here: by link, if it is the one that a link has brought.
pub(super) fn arrival(app: &Arc<App>, browser: &Browser, sent: &str) -> CodeArrival {
    let is_it = |code: &CarriedCode| match (UserCode::parse(&code.input), UserCode::parse(sent)) {
        (Ok(carried), Ok(sent)) => carried == sent,
        _ => code.input == sent,
    };
    read(app, browser).filter(is_it).map_or(CodeArrival::Typed, |code| code.arrival)
}

/// Takes the code away from the browser.
pub(super) fn put_down(browser: &mut Browser) {
    if browser.cookie(PURPOSE).is_some() {
        browser.remove_cookie(PURPOSE);
    }
}

fn context(browser: &Browser) -> String {
    format!("carried code {}", browser.tenant.id)
}
