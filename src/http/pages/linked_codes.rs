//! The user codes that links and QR codes have brought to a browser, so that one of them never passes for a typed one:
//! however many tabs there are, in whichever order their forms are sent, and whoever signs in meanwhile. They are in a
//! cookie that only this server reads and writes. A form that a link has filled in carries a mark of its own beside it.
//!
//! What a link only shows changes nothing about the code itself. Once it is opened, the database says how it came
//! (`linked_by`).

use std::sync::Arc;

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::browser::{self, Browser};
use crate::app::App;
use crate::model::device_authorization::{CodeArrival, MAX_CODE_LIFETIME};
use crate::model::tenant::Tenant;
use crate::model::user_code::UserCode;

const PURPOSE: &str = "links";
/// The number of codes that are stored: as many as leave room in the 4096 bytes that browsers keep of a cookie.
const MOST: usize = 40;

/// What the cookie holds. Times are Unix seconds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct LinkedCodes {
    /// The codes, each with the time until which it can be alive.
    codes: Vec<(String, i64)>,
    /// The last one as its link spelled it, with the time of the link, until a code is sent.
    last: Option<(String, i64)>,
    /// Until when one of the codes that no longer fit can be alive. Every code may be that one.
    forgotten_until: i64,
}

impl LinkedCodes {
    fn read(app: &App, browser: &Browser) -> Self {
        Self::parse(browser.sealed_cookie(PURPOSE), app.clock.now().timestamp())
    }

    fn parse(text: Option<String>, now: i64) -> Self {
        let parsed: Option<Self> = text.and_then(|text| serde_json::from_str(&text).ok());
        let mut linked = parsed.unwrap_or_default();
        linked.codes.retain(|(_, until)| *until >= now);
        linked.last.take_if(|(_, at)| now - *at > MAX_CODE_LIFETIME.num_seconds());
        linked
    }

    fn write(&self, browser: &mut Browser) {
        if let Ok(text) = serde_json::to_string(self) {
            browser.set_sealed_cookie(PURPOSE, &text);
        }
    }

    fn add(&mut self, code: &UserCode, now: i64) {
        self.codes.retain(|(linked, _)| linked != code.as_str());
        self.codes.push((code.as_str().to_owned(), now + MAX_CODE_LIFETIME.num_seconds()));
        let excess = self.codes.len().saturating_sub(MOST);
        for (_, until) in self.codes.drain(..excess) {
            self.forgotten_until = self.forgotten_until.max(until);
        }
    }

    fn holds(&self, code: &UserCode, now: i64) -> bool {
        self.forgotten_until >= now || self.codes.iter().any(|(linked, _)| linked == code.as_str())
    }
}

/// Stores in the browser what a link has brought.
pub(super) fn bring(app: &Arc<App>, browser: &mut Browser, input: &str) {
    let now = app.clock.now().timestamp();
    let mut linked = LinkedCodes::read(app, browser);
    if let Ok(code) = UserCode::parse(input) {
        linked.add(&code, now);
    }
    linked.last = Some((input.to_owned(), now));
    linked.write(browser);
}

/// Stores in the browser that a link has brought this code, from now on again.
pub(super) fn keep(app: &Arc<App>, browser: &mut Browser, code: &UserCode) {
    let mut linked = LinkedCodes::read(app, browser);
    linked.add(code, app.clock.now().timestamp());
    linked.write(browser);
}

/// The code that a link has brought last, as the link spelled it, and when; `None` once a code was sent.
pub(super) fn last(app: &Arc<App>, browser: &Browser) -> Option<(String, i64)> {
    LinkedCodes::read(app, browser).last
}

/// Leaves it out of the forms to come.
pub(super) fn put_down(app: &Arc<App>, browser: &mut Browser) {
    let mut linked = LinkedCodes::read(app, browser);
    if linked.last.take().is_some() {
        linked.write(browser);
    }
}

/// How a code that was sent came to this browser; `mark` is what its form says.
pub(super) fn arrival(app: &Arc<App>, browser: &Browser, sent: &str, mark: Option<&str>) -> CodeArrival {
    let Ok(code) = UserCode::parse(sent) else { return CodeArrival::Typed };
    let is_marked = mark.is_some_and(|mark| browser.is_form_token(mark, &mark_purpose(&code)));
    if is_marked || LinkedCodes::read(app, browser).holds(&code, app.clock.now().timestamp()) {
        CodeArrival::Link
    } else {
        CodeArrival::Typed
    }
}

/// How a code came to the browser that sends these headers.
pub(in crate::http) fn arrival_by(
    app: &App,
    tenant: &Tenant,
    headers: &HeaderMap,
    sent: &str,
) -> CodeArrival {
    let now = app.clock.now().timestamp();
    let linked = LinkedCodes::parse(browser::sealed_cookie(app, tenant, headers, PURPOSE), now);
    match UserCode::parse(sent) {
        Ok(code) if linked.holds(&code, now) => CodeArrival::Link,
        _ => CodeArrival::Typed,
    }
}

/// What a form says that a link has filled in with this code.
pub(super) fn mark(browser: &Browser, code: &UserCode) -> String {
    browser.form_token(&mark_purpose(code))
}

fn mark_purpose(code: &UserCode) -> String {
    format!("linked code {}", code.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn code() -> UserCode {
        UserCode::sample(12, &Random::system())
    }

    #[test]
    fn a_linked_code_stays_one_whatever_other_links_follow() {
        let (first, typed) = (code(), code());
        let mut linked = LinkedCodes::default();
        linked.add(&first, 0);
        for second in 1..200 {
            linked.add(&code(), second);
            assert!(linked.holds(&first, second), "after {second}");
        }
        // Which codes no longer fit is not known any more, so each may be one.
        assert!(linked.holds(&typed, 200));
        let text = serde_json::to_string(&linked).unwrap();
        assert!(text.len() < 2_000, "{} bytes", text.len());
        let later = LinkedCodes::parse(Some(text), 199 + 900 + 1);
        assert!(!later.holds(&first, 199 + 900 + 1) && !later.holds(&typed, 199 + 900 + 1));
    }

    #[test]
    fn a_code_that_no_link_brought_is_a_typed_one() {
        let mut linked = LinkedCodes::default();
        let codes: Vec<_> = std::iter::repeat_with(code).take(MOST).collect();
        for (code, second) in codes.iter().chain(&codes).zip(0..) {
            linked.add(code, second);
        }
        assert!(codes.iter().all(|code| linked.holds(code, 80)) && !linked.holds(&code(), 80));
    }
}
