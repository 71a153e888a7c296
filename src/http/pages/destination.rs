//! Where a person wanted to go when they were asked to sign in first. One of a few pages of ours, never an address
//! out of a request.

use super::browser::Browser;
use super::console::Section;

const PURPOSE: &str = "then";

/// A page that can be gone back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// What is connected.
    Devices,
    /// How one signs in.
    Security,
    /// A part of the console.
    Console(Section),
}

impl Destination {
    fn all() -> impl Iterator<Item = Self> {
        Section::ALL.into_iter().map(Self::Console).chain([Self::Devices, Self::Security])
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Devices => "/account/devices",
            Self::Security => "/account/security",
            Self::Console(section) => section.path(),
        }
    }
}

/// Lets the browser remember it through the sign-in.
pub(super) fn remember(browser: &mut Browser, destination: Destination) {
    browser.set_cookie(PURPOSE, destination.path().to_owned());
}

/// The path to go on to, once.
pub(super) fn take(browser: &mut Browser) -> Option<&'static str> {
    let value = browser.cookie(PURPOSE)?.to_owned();
    browser.remove_cookie(PURPOSE);
    Destination::all().map(Destination::path).find(|path| *path == value)
}
