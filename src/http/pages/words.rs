//! Times and spans in words.

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Tokens;

/// "2 minutes ago, 10:20 UTC"
pub(super) fn when(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let ago = match (now - then).num_seconds() {
        ..60 => "less than a minute ago".to_owned(),
        seconds => format!("{} ago", span(TimeDelta::seconds(seconds))),
    };
    format!("{ago}, {} UTC", then.format("%H:%M"))
}

/// How long what is granted will last.
pub(super) fn lifetime(tokens: &Tokens, renewable: bool) -> String {
    let seconds = |seconds: u32| span(TimeDelta::seconds(i64::from(seconds)));
    let access = seconds(tokens.access_lifetime_seconds);
    if renewable {
        let whole = seconds(tokens.refresh_absolute_seconds);
        format!("The device's access lasts {access}. It can renew it for up to {whole}.")
    } else {
        format!("The device's access ends after {access}.")
    }
}

/// The span in the largest unit of which it holds at least one.
fn span(span: TimeDelta) -> String {
    let (count, unit) =
        [(span.num_days(), "day"), (span.num_hours(), "hour"), (span.num_minutes(), "minute")]
            .into_iter()
            .find(|(count, _)| *count > 0)
            .unwrap_or((span.num_seconds(), "second"));
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let said = |seconds| when(now - TimeDelta::seconds(seconds), now);
        assert_eq!(said(3), "less than a minute ago, 07:59 UTC");
        assert_eq!(said(60), "1 minute ago, 07:59 UTC");
        assert_eq!(said(150), "2 minutes ago, 07:57 UTC");
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        let tokens = crate::config::Config::default().tokens;
        let words = lifetime(&tokens, true);
        assert_eq!(words, "The device's access lasts 10 minutes. It can renew it for up to 90 days.");
    }
}
