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

/// Who locked a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockHolder {
    Owner,
    /// Then its owner cannot unlock it.
    Administrator,
}

/// An owner may not unlock what an administrator locked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this device was locked by an administrator")]
pub struct LockedByAdministratorError;

impl Device {
    /// Returns who locked the device, if it is locked.
    #[must_use]
    pub fn lock_holder(&self) -> Option<LockHolder> {
        let holder = if self.locked_by_administrator { LockHolder::Administrator } else { LockHolder::Owner };
        (self.status == DeviceStatus::Locked).then_some(holder)
    }

    /// Locks the device. An administrator's lock replaces the owner's. Returns `false` if nothing changes: it is locked
    /// already, or there is nothing to lock because it expired or is not connected yet.
    pub fn lock(&mut self, by: LockHolder) -> bool {
        let changes = match self.lock_holder() {
            None => self.status == DeviceStatus::Active,
            Some(holder) => holder == LockHolder::Owner && by == LockHolder::Administrator,
        };
        if changes {
            self.status = DeviceStatus::Locked;
            self.locked_by_administrator = by == LockHolder::Administrator;
        }
        changes
    }

    /// Unlocks the device. An administrator may, whoever locked it. Returns `false` if it is not locked.
    pub fn unlock(&mut self, by: LockHolder) -> Result<bool, LockedByAdministratorError> {
        match (self.lock_holder(), by) {
            (None, _) => Ok(false),
            (Some(LockHolder::Administrator), LockHolder::Owner) => Err(LockedByAdministratorError),
            (Some(_), _) => {
                self.status = DeviceStatus::Active;
                self.locked_by_administrator = false;
                Ok(true)
            }
        }
    }
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
pub struct DisplayTextError;

/// Checks a text from a client before it is kept for people to read: control characters and those that turn
/// the direction of writing could disguise what a page says, and so could letters that only look like those beside
/// them (Unicode UTS #39 §5).
pub fn displayable(text: &str) -> Result<String, DisplayTextError> {
    let disguises = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if text.chars().nth(MAX_FIELD_CHARS).is_some() || text.contains(disguises) || mixes_alphabets(text) {
        return Err(DisplayTextError);
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
pub struct MetadataSizeError;

/// Checks the size of an object of the client's or owner's own.
pub fn bounded(metadata: Map<String, Value>) -> Result<Map<String, Value>, MetadataSizeError> {
    let bytes = serde_json::to_vec(&metadata).map_or(usize::MAX, |json| json.len());
    if bytes > MAX_METADATA_BYTES { Err(MetadataSizeError) } else { Ok(metadata) }
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

    fn device(status: DeviceStatus, locked_by_administrator: bool) -> Device {
        let time = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Device {
            id: Uuid::from_u128(1),
            user_id: None,
            client_id: ClientId::parse("tv").unwrap(),
            description: DeviceDescription::default(),
            user_agent: None,
            authorization_id: DeviceAuthorizationId(Uuid::from_u128(1)),
            ip_address: None,
            place: None,
            trusted: false,
            status,
            locked_by_administrator,
            created_at: time,
            updated_at: time,
            last_login_at: None,
            last_seen_at: None,
            unusual_at: None,
            expires_at: time,
            version: 1,
        }
    }

    #[test]
    fn owners_and_administrators_lock_an_active_device() {
        for by in [LockHolder::Owner, LockHolder::Administrator] {
            let mut device = device(DeviceStatus::Active, false);
            assert!(device.lock(by));
            assert_eq!(device.lock_holder(), Some(by));
            assert!(!device.lock(by), "a second time changes nothing");
        }
    }

    #[test]
    fn the_lock_of_an_administrator_replaces_that_of_the_owner_and_not_the_reverse() {
        let mut device = device(DeviceStatus::Locked, false);
        assert!(device.lock(LockHolder::Administrator));
        assert!(!device.lock(LockHolder::Owner));
        assert_eq!(device.lock_holder(), Some(LockHolder::Administrator));
    }

    #[test]
    fn an_owner_unlocks_only_what_no_administrator_locked() {
        let mut by_administrator = device(DeviceStatus::Locked, true);
        assert_eq!(by_administrator.unlock(LockHolder::Owner), Err(LockedByAdministratorError));
        assert_eq!(by_administrator.lock_holder(), Some(LockHolder::Administrator));
        assert_eq!(by_administrator.unlock(LockHolder::Administrator), Ok(true));
        for by in [LockHolder::Owner, LockHolder::Administrator] {
            let mut by_owner = device(DeviceStatus::Locked, false);
            assert_eq!(by_owner.unlock(by), Ok(true));
            assert_eq!((by_owner.status, by_owner.lock_holder()), (DeviceStatus::Active, None));
        }
    }

    #[test]
    fn what_is_not_connected_or_expired_is_neither_locked_nor_unlocked() {
        for status in [DeviceStatus::Pending, DeviceStatus::Approved, DeviceStatus::Expired] {
            for by in [LockHolder::Owner, LockHolder::Administrator] {
                let mut device = device(status, false);
                assert!(!device.lock(by));
                assert_eq!(device.unlock(by), Ok(false));
                assert_eq!(device.status, status);
            }
        }
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
