//! What several pages of the console show.

use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};

use super::super::views::PageFrame;
use super::section::Section;
use crate::domain::deeds::Deed;

/// Where in the console a page is, and what its reader may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Navigation {
    /// The section that the page belongs to.
    pub(super) section: Section,
    /// Whether the reader may change something.
    pub(super) may_change: bool,
}

/// Tells that a role does not suffice.
#[derive(Debug, Template)]
#[template(path = "console/refused.html", config = ".askama.toml")]
pub(super) struct RefusedPage {
    pub(super) frame: PageFrame,
    pub(super) needed: Deed,
}

/// What is told to somebody who comes back from signing in again to do something.
pub(super) const SIGNED_IN_AGAIN: &str = "You have signed in again. You can continue now.";

/// A moment, for people and for programs.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) words: String,
    pub(super) rfc3339: String,
}

impl Moment {
    pub(super) fn of(at: DateTime<Utc>) -> Self {
        let words = at.format("%-d %b %Y, %H:%M:%S UTC").to_string();
        Self { words, rfc3339: at.to_rfc3339_opts(SecondsFormat::Secs, true) }
    }
}
