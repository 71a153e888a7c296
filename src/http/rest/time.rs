//! Times in answers.

use chrono::{DateTime, SecondsFormat, Utc};

/// A time, as RFC 3339 writes it.
#[must_use]
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
