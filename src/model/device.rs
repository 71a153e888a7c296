//! Devices: what a user connected.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use unicode_script::{Script, UnicodeScript};
use uuid::Uuid;

use super::ids::{ClientId, DeviceAuthorizationId, UserId};
use super::place::Place;
use super::version::Version;

/// The longest text a device may say about itself in one field, in characters.
pub const MAX_FIELD_CHARS: usize = 128;
/// The largest `metadata` object, in bytes of JSON.
pub const MAX_METADATA_BYTES: usize = 4096;

/// What a device says about itself when it asks. Nothing of it is verified, and it cannot be changed later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDescription {
    /// A name, such as "Living room TV".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The version of the client program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
    /// Anything else, for the client's own use.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// A device as its owner sees it: connected, or still waiting with a code.
#[derive(Clone, Debug)]
pub struct Device {
    /// The device's identifier; while its code is pending, that of the authorization.
    pub id: Uuid,
    /// Whose it is; nobody's, until somebody approves.
    pub user_id: Option<UserId>,
    pub client_id: ClientId,
    /// What it said about itself. Name and metadata may have been changed since by its owner.
    pub description: DeviceDescription,
    /// With what program it asked for its code.
    pub user_agent: Option<String>,
    /// The device authorization by which it came.
    pub authorization_id: DeviceAuthorizationId,
    pub ip_address: Option<IpAddr>,
    /// Where that is, as far as it is known.
    pub place: Option<Place>,
    /// Whether it was approved as one of the person's own, to stay connected for long.
    pub trusted: bool,
    pub status: DeviceStatus,
    /// Whether it was an administrator who locked it; then its owner does not unlock it.
    pub locked_by_administrator: bool,
    /// When it was connected, or asked to be.
    pub created_at: DateTime<Utc>,
    /// When anything of it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was last signed in.
    pub last_login_at: Option<DateTime<Utc>>,
    /// When it last refreshed its tokens.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// When its refresh token was last used in an unusual way.
    pub unusual_at: Option<DateTime<Utc>>,
    /// After this it can no longer be used.
    pub expires_at: DateTime<Utc>,
    pub version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStatus {
    /// Its code waits for somebody's decision.
    Pending,
    /// It was approved, and has not collected its tokens.
    Approved,
    Active,
    /// Its owner locked it: it gets no tokens, and those it has do not count.
    Locked,
    Expired,
}

impl DeviceStatus {
    /// Of a connected device. One whose time is over needs no lock any more.
    #[must_use]
    pub fn of_connected(
        locked: Option<DateTime<Utc>>,
        expires_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Self {
        match locked {
            _ if now >= expires_at => Self::Expired,
            Some(_) => Self::Locked,
            None => Self::Active,
        }
    }
}

/// The text may not be shown: it is too long, or holds characters that hide or reorder text or look like others.
#[derive(Debug, thiserror::Error)]
#[error(
    "must have at most 128 characters, with no control or bidirectional characters and no mixed alphabets \
     in a word"
)]
pub struct UnfitForDisplay;

/// Checks a text from a client before it is kept for people to read: control characters and those that turn
/// the direction of writing could disguise what a page says, and so could letters that only look like those beside
/// them (Unicode UTS #39 §5).
pub fn displayable(text: &str) -> Result<String, UnfitForDisplay> {
    let disguises = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if text.chars().nth(MAX_FIELD_CHARS).is_some() || text.contains(disguises) || mixes_alphabets(text) {
        return Err(UnfitForDisplay);
    }
    Ok(text.trim().to_owned())
}

/// Whether letters of alphabets that share their shapes, such as Latin and Cyrillic, stand in one word.
fn mixes_alphabets(text: &str) -> bool {
    const ALIKE: [Script; 5] =
        [Script::Latin, Script::Cyrillic, Script::Greek, Script::Armenian, Script::Cherokee];
    text.split(|character: char| !character.is_alphanumeric()).any(|word| {
        let mut scripts = word.chars().map(|letter| letter.script()).filter(|script| ALIKE.contains(script));
        let first = scripts.next();
        scripts.any(|script| Some(script) != first)
    })
}

/// The object is too large to be kept.
#[derive(Debug, thiserror::Error)]
#[error("must be at most 4096 bytes of JSON")]
pub struct TooMuchMetadata;

/// Checks the size of an object of the client's or owner's own.
pub fn bounded(metadata: Map<String, Value>) -> Result<Map<String, Value>, TooMuchMetadata> {
    let bytes = serde_json::to_vec(&metadata).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_METADATA_BYTES { Err(TooMuchMetadata) } else { Ok(metadata) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_whose_time_is_over_is_neither_active_nor_locked() {
        let end = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let before = end - chrono::TimeDelta::seconds(1);
        assert_eq!(DeviceStatus::of_connected(None, end, before), DeviceStatus::Active);
        assert_eq!(DeviceStatus::of_connected(Some(before), end, before), DeviceStatus::Locked);
        assert_eq!(DeviceStatus::of_connected(None, end, end), DeviceStatus::Expired);
        assert_eq!(DeviceStatus::of_connected(Some(before), end, end), DeviceStatus::Expired);
    }

    #[test]
    fn texts_that_could_disguise_a_page_are_refused() {
        for bad in ["a\u{0}b", "a\r\nb", "\u{202e}gpj.exe", "a\u{200b}b", &"x".repeat(129)] {
            assert!(displayable(bad).is_err(), "{bad:?}");
        }
        for alike in ["P\u{430}ypal", "Kitchen \u{391}pple", "n\u{3bf}tebook"] {
            assert!(displayable(alike).is_err(), "{alike:?}");
        }
        for fine in ["iPhone Сергея", "Кухня", "TV-Кухня", "東京TV", "Ελλάδα 1"] {
            assert!(displayable(fine).is_ok(), "{fine:?}");
        }
        assert_eq!(displayable(" Wohnzimmer-Fernseher 📺 ").unwrap(), "Wohnzimmer-Fernseher 📺");
    }
}
