use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Whole(u64),
    Decimal(f64),
    Text(String),
}

/// Reads a number of seconds. Some deployed servers write `3600.0` or `"3600"`, and a login must not fail on that
/// after the tokens were issued.
pub(super) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let read = match Option::<Written>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Written::Whole(number)) => Some(number),
        Some(Written::Decimal(number)) => Duration::try_from_secs_f64(number).ok().map(|span| span.as_secs()),
        Some(Written::Text(text)) => text.trim().parse().ok(),
    };
    read.map(Some).ok_or_else(|| D::Error::custom("not a number of seconds"))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    One(String),
    Many(Vec<String>),
}

/// Reads a list that is written with spaces. Some deployed servers write an array.
pub(super) fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Words>::deserialize(deserializer)?.map(|written| match written {
        Words::One(text) => text,
        Words::Many(words) => words.join(" "),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_scope_may_be_an_array() {
        for (written, expected) in [
            (json!("a b"), Some(Some("a b"))),
            (json!(["a", "b"]), Some(Some("a b"))),
            (json!([]), Some(Some(""))),
            (Value::Null, Some(None)),
            (json!(7), None),
        ] {
            let read = words(&written).ok();
            assert_eq!(read.as_ref().map(Option::as_deref), expected, "{written}");
        }
    }

    #[test]
    fn seconds_may_be_written_in_several_ways() {
        for (written, expected) in [
            (json!(5), Some(Some(5))),
            (json!(5.0), Some(Some(5))),
            (json!("5"), Some(Some(5))),
            (Value::Null, Some(None)),
            (json!(-1), None),
            (json!("soon"), None),
            (json!([]), None),
        ] {
            assert_eq!(seconds(&written).ok(), expected, "{written}");
        }
    }
}
