//! Devices: what a user connected.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
    /// The operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// The host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The version of the client program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
    /// Anything else, for the client's own use.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// The text may not be shown: it is too long, or holds characters that hide or reorder text.
#[derive(Debug, thiserror::Error)]
#[error("at most 128 characters, without control or direction characters")]
pub struct UnfitForDisplay;

/// Checks a text from a client before it is kept for people to read: control characters and those that turn
/// the direction of writing could disguise what a page says.
pub fn displayable(text: &str) -> Result<String, UnfitForDisplay> {
    let disguises = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if text.chars().nth(MAX_FIELD_CHARS).is_some() || text.contains(disguises) {
        return Err(UnfitForDisplay);
    }
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_could_disguise_a_page_are_refused() {
        for bad in ["a\u{0}b", "a\r\nb", "\u{202e}gpj.exe", "a\u{200b}b", &"x".repeat(129)] {
            assert!(displayable(bad).is_err(), "{bad:?}");
        }
        assert_eq!(displayable(" Wohnzimmer-Fernseher 📺 ").unwrap(), "Wohnzimmer-Fernseher 📺");
    }
}
