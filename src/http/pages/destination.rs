//! Where a person wanted to go when they were asked to sign in first: a page of ours, in a cookie that nobody but this
//! server can write, and never an address out of a request.

use std::borrow::Cow;

use super::browser::Browser;

const PURPOSE: &str = "then";
/// Browsers keep 4096 bytes in all; whoever asked for more comes back to the beginning.
const LONGEST: usize = 2_000;

/// A page that can be gone back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// What is connected.
    Devices,
    /// How one signs in.
    Security,
    /// A page of the console, with its query.
    Console(String),
}

impl Destination {
    fn path(self) -> Cow<'static, str> {
        match self {
            Self::Devices => "/account/devices".into(),
            Self::Security => "/account/security".into(),
            Self::Console(page) if page.len() <= LONGEST => page.into(),
            Self::Console(_) => "/console".into(),
        }
    }
}

/// Lets the browser remember it through the sign-in.
pub(super) fn remember(browser: &mut Browser, destination: Destination) {
    browser.set_sealed_cookie(PURPOSE, &destination.path());
}

/// The path to go on to, once.
pub(super) fn take(browser: &mut Browser) -> Option<String> {
    let path = browser.sealed_cookie(PURPOSE);
    if browser.cookie(PURPOSE).is_some() {
        browser.remove_cookie(PURPOSE);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_fits_no_cookie_is_left_for_the_beginning() {
        let page = |length| Destination::Console(format!("/console/audit?actor={}", "x".repeat(length)));
        assert_eq!(page(9).path(), "/console/audit?actor=xxxxxxxxx");
        assert_eq!(page(LONGEST).path(), "/console");
    }
}
