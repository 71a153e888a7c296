//! The page as a typed view over the templates beside this file.

use askama::Template;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::domain::devices::overview::{ListedDevice, Overview};
use crate::http::pages::views::PageFrame;
use crate::http::pages::{browser_names, device_labels};
use crate::languages::{Language, Phrase, places, words};
use crate::model::device::DeviceStatus;
use crate::model::ids::BrowserSessionId;
use crate::model::place::Place;
use crate::store::browser_sessions::ListedSession;

/// What a person has connected, and where they are signed in.
#[derive(Debug, Clone, Template)]
#[template(path = "account/devices/overview.html", config = ".askama.toml")]
pub struct DevicesPage {
    /// The surrounding of the page.
    pub frame: PageFrame,
    /// How many devices come before those shown.
    pub offset: i64,
    /// The devices.
    pub devices: Vec<DeviceWords>,
    /// Which part of the devices this is; `None`: all of them.
    pub part: Option<Part>,
    /// The signed-in browsers.
    pub browsers: Vec<BrowserWords>,
}

/// A device in words.
#[derive(Debug, Clone)]
pub struct DeviceWords {
    /// Its identifier.
    pub id: String,
    /// What to call it.
    pub title: String,
    /// What the field for its name holds.
    pub name: String,
    /// Why that was not taken as its name.
    pub name_error: Option<Phrase>,
    /// The client it runs.
    pub app: String,
    /// What it said about itself, each with its label.
    pub said: Vec<(Phrase, String)>,
    /// Where it stands.
    pub status: DeviceStatus,
    /// Whether only an administrator unlocks it.
    pub locked_by_administrator: bool,
    /// Whether it is trusted.
    pub trusted: bool,
    /// From which address it was connected.
    pub address: Option<String>,
    /// When, and from where.
    pub connected: Moment,
    /// When it was last seen.
    pub seen: Option<Moment>,
    /// When its refresh token was last used in an unusual way.
    pub unusual: Option<Moment>,
    /// How long it may still be used.
    pub left: Moment,
    /// What it may do, in plain words.
    pub scopes: Vec<String>,
}

/// A signed-in browser in words.
#[derive(Debug, Clone)]
pub struct BrowserWords {
    /// The session's identifier.
    pub id: String,
    /// Whether it is the one that asks.
    pub current: bool,
    /// The browser it says it is, if that is one we know.
    pub name: Option<Phrase>,
    /// All that it said of itself.
    pub user_agent: Option<String>,
    /// From which address it signed in.
    pub address: Option<String>,
    /// When, and from where.
    pub signed_in: Moment,
    /// When it was last seen.
    pub seen: Moment,
}

/// A moment, for people and for programs.
#[derive(Debug, Clone)]
pub struct Moment {
    /// "Berlin, Germany, 2 hours ago"
    pub words: Phrase,
    /// RFC 3339.
    pub instant: String,
}

/// A part of a long list.
#[derive(Debug, Clone)]
pub struct Part {
    /// The number of its first item, from 1.
    pub first: i64,
    /// The number of its last.
    pub last: i64,
    /// How many there are in all.
    pub total: i64,
    /// The offset of the part before it.
    pub newer: Option<i64>,
    /// The offset of the part after it.
    pub older: Option<i64>,
}

impl Part {
    /// The part of `shown` items from the `offset`th on, where `at_once` are shown at most; `None`: it is the whole.
    #[must_use]
    pub fn of(offset: i64, shown: usize, total: i64, at_once: i64) -> Option<Self> {
        let end = offset + i64::try_from(shown).unwrap_or(0);
        (offset > 0 || end < total).then(|| Self {
            first: offset + 1,
            last: end,
            total,
            newer: (offset > 0).then(|| (offset - at_once).max(0)),
            older: (end < total).then_some(end),
        })
    }
}

impl Moment {
    fn past(language: Language, then: DateTime<Utc>, now: DateTime<Utc>, place: Option<&Place>) -> Self {
        let ago = words::ago(language, then, now);
        let words = match place.and_then(|place| places::in_words(language, place)) {
            Some(place) => language.t("devices-place-and-time").phrase("place", place).phrase("ago", ago),
            None => ago,
        };
        Self { words, instant: rfc3339(then) }
    }

    fn left(language: Language, end: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let left = (end - now).max(TimeDelta::zero());
        Self { words: words::about(language, left), instant: rfc3339(end) }
    }
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl DevicesPage {
    /// Whether a name was not taken.
    fn name_was_refused(&self) -> bool {
        self.devices.iter().any(|device| device.name_error.is_some())
    }

    /// What there is, as the browser with the session `current` sees it.
    #[must_use]
    pub fn of(
        frame: PageFrame,
        overview: Overview,
        (offset, at_once): (i64, i64),
        current: BrowserSessionId,
        now: DateTime<Utc>,
    ) -> Self {
        let language = frame.language;
        let Overview { devices, total, browsers } = overview;
        Self {
            offset,
            part: Part::of(offset, devices.len(), total, at_once),
            devices: devices.into_iter().map(|device| DeviceWords::of(language, device, now)).collect(),
            browsers: browsers
                .into_iter()
                .map(|session| BrowserWords::of(language, session, current, now))
                .collect(),
            frame,
        }
    }
}

impl DeviceWords {
    fn of(language: Language, listed: ListedDevice, now: DateTime<Utc>) -> Self {
        let ListedDevice { device, client, scopes } = listed;
        let app = client.map_or_else(|| device.client_id.to_string(), |client| client.name.clone());
        let title = device_labels::of(language, &device, &app);
        let description = device.description;
        let said = [
            (language.t("consent-device-os"), description.os),
            (language.t("consent-device-hostname"), description.hostname),
            (language.t("consent-device-version"), description.client_version),
        ];
        Self {
            id: device.id.to_string(),
            title,
            name: description.name.unwrap_or_default(),
            name_error: None,
            app,
            said: said.into_iter().filter_map(|(label, value)| Some((label, value?))).collect(),
            status: device.status,
            locked_by_administrator: device.locked_by_administrator,
            trusted: device.trusted,
            address: device.ip_address.map(|address| address.to_string()),
            connected: Moment::past(language, device.created_at, now, device.place.as_ref()),
            seen: device.last_seen_at.map(|seen| Moment::past(language, seen, now, None)),
            unusual: device.unusual_at.map(|at| Moment::past(language, at, now, None)),
            left: Moment::left(language, device.expires_at, now),
            scopes: scopes.iter().map(|scope| scope.in_words([language.tag()]).to_owned()).collect(),
        }
    }
}

impl BrowserWords {
    fn of(language: Language, listed: ListedSession, current: BrowserSessionId, now: DateTime<Utc>) -> Self {
        Self {
            id: listed.id.to_string(),
            current: listed.id == current,
            name: browser_names::in_words(language, listed.user_agent.as_deref()),
            user_agent: listed.user_agent,
            address: listed.ip_address.map(|address| address.to_string()),
            signed_in: Moment::past(language, listed.created_at, now, listed.place.as_ref()),
            seen: Moment::past(language, listed.last_seen_at, now, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_told_in_parts_that_meet() {
        assert!(Part::of(0, 100, 100, 100).is_none() && Part::of(0, 0, 0, 100).is_none());
        let first = Part::of(0, 100, 250, 100).unwrap();
        assert_eq!((first.first, first.last, first.newer, first.older), (1, 100, None, Some(100)));
        let last = Part::of(200, 50, 250, 100).unwrap();
        assert_eq!((last.first, last.last, last.newer, last.older), (201, 250, Some(100), None));
        assert_eq!(Part::of(30, 100, 250, 100).unwrap().newer, Some(0));
    }
}
