//! The user code that a browser carries from the form through sign-in, so that nobody types it twice. It is sealed: not
//! for the browser's eyes. How it came to the browser is what `linked_codes` says.

use std::sync::Arc;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::browser::Browser;
use super::linked_codes;
use crate::app::App;
use crate::domain::device_flow::consent::Consent;
use crate::languages::Phrase;
use crate::model::device_authorization::CodeArrival;
use crate::model::user_code::UserCode;

const PURPOSE: &str = "code";
/// How long it is carried: as long as the longest-lived code.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// A code on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CarriedCode {
    /// What the person has sent.
    pub(super) entered: String,
    /// When it set out, in Unix seconds.
    pub(super) since: i64,
}

/// The code this browser carries.
pub(super) fn read(app: &Arc<App>, browser: &Browser) -> Option<CarriedCode> {
    let code: CarriedCode = serde_json::from_str(&browser.sealed_cookie(PURPOSE)?).ok()?;
    let age = app.clock.now().timestamp() - code.since;
    (age <= LIFETIME.num_seconds()).then_some(code)
}

/// The code that the person has sent before they were asked to sign in, if it can be one.
pub(super) fn entered(app: &Arc<App>, browser: &Browser) -> Option<UserCode> {
    UserCode::parse(&read(app, browser)?.entered).ok()
}

/// What a page says of the code for which the person signs in. A code that a link has brought is not shown: the person
/// may have to read it off their device.
pub(super) fn connecting(app: &Arc<App>, browser: &Browser) -> Option<Phrase> {
    let code = entered(app, browser)?.to_string();
    Some(match linked_codes::arrival(app, browser, &code, None) {
        CodeArrival::Typed => browser.language.t("sign-in-connecting").code("code", &code),
        CodeArrival::Link => browser.language.t("sign-in-connecting-linked"),
    })
}

/// Lets the browser carry what the person has sent.
pub(super) fn carry(app: &Arc<App>, browser: &mut Browser, entered: &str) {
    let code = CarriedCode { entered: entered.to_owned(), since: app.clock.now().timestamp() };
    if let Ok(text) = serde_json::to_string(&code) {
        browser.set_sealed_cookie(PURPOSE, &text);
    }
}

/// Lets the browser carry what it has open.
pub(super) fn carry_opened(app: &Arc<App>, browser: &mut Browser, consent: &Consent) {
    if consent.arrival == CodeArrival::Link {
        linked_codes::keep(app, browser, &consent.user_code);
    }
    carry(app, browser, consent.user_code.as_str());
}

/// Takes the code away from the browser.
pub(super) fn put_down(app: &Arc<App>, browser: &mut Browser) {
    if browser.cookie(PURPOSE).is_some() {
        browser.remove_cookie(PURPOSE);
    }
    linked_codes::put_down(app, browser);
}
