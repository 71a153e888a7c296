//! What a partial update says of one member (RFC 7396).

use serde::{Deserialize, Deserializer};

/// Absent, null and a value are three different things. Needs `#[serde(default)]` where it is a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Absent: it stays as it is.
    #[default]
    Keep,
    /// Null: the value is removed.
    Clear,
    Set(T),
}

impl<T> Patch<T> {
    /// What comes of the value that was there.
    #[must_use]
    pub fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(after) => Some(after),
        }
    }

    #[must_use]
    pub const fn is_change(&self) -> bool {
        !matches!(self, Self::Keep)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        name: Patch<String>,
    }

    #[test]
    fn absent_null_and_a_value_are_told_apart() {
        let read = |json: &str| serde_json::from_str::<Body>(json).unwrap().name;
        assert_eq!(read("{}").apply(Some("before".into())).as_deref(), Some("before"));
        assert_eq!(read(r#"{"name":null}"#).apply(Some("before".into())), None);
        assert_eq!(read(r#"{"name":"after"}"#).apply(Some("before".into())).as_deref(), Some("after"));
        assert!(!read("{}").is_change() && read(r#"{"name":null}"#).is_change());
    }
}
