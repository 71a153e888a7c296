//! Times and spans in words.

use chrono::{DateTime, TimeDelta, Utc};

use super::languages::{Language, Phrase};
use crate::config::Tokens;

/// "2 minutes ago, 10:20 UTC"
pub(super) fn when(language: Language, then: DateTime<Utc>, now: DateTime<Utc>) -> Phrase {
    let past = now - then;
    let ago = if past.num_days() > 0 {
        language.t("ago-days").number("count", past.num_days())
    } else if past.num_hours() > 0 {
        language.t("ago-hours").number("count", past.num_hours())
    } else if past.num_minutes() > 0 {
        language.t("ago-minutes").number("count", past.num_minutes())
    } else {
        language.t("ago-moments")
    };
    language.t("when").phrase("ago", ago).text("time", &then.format("%H:%M").to_string())
}

/// How long what is granted will last.
pub(super) fn lifetime(language: Language, tokens: &Tokens, renewable: bool) -> Phrase {
    let access = span(language, i64::from(tokens.access_lifetime_seconds));
    if renewable {
        let whole = span(language, i64::from(tokens.refresh_absolute_seconds));
        language.t("consent-lifetime-renewable").phrase("access", access).phrase("whole", whole)
    } else {
        language.t("consent-lifetime").phrase("access", access)
    }
}

/// How long to wait, never shorter than it is: in seconds below a minute, in minutes below two hours, and in
/// hours from there on.
pub(super) fn wait(language: Language, wait: TimeDelta) -> Phrase {
    let seconds = (wait.num_milliseconds().max(1) + 999) / 1000;
    match seconds {
        ..60 => language.t("span-seconds").number("count", seconds),
        60..7200 => language.t("span-minutes").number("count", (seconds + 59) / 60),
        _ => language.t("span-hours").number("count", (seconds + 3599) / 3600),
    }
}

/// The span in the largest unit in which it is a whole number.
fn span(language: Language, seconds: i64) -> Phrase {
    let whole = |unit: i64| seconds >= unit && seconds % unit == 0;
    if whole(86400) {
        language.t("span-days").number("count", seconds / 86400)
    } else if whole(3600) {
        language.t("span-hours").number("count", seconds / 3600)
    } else if whole(60) {
        language.t("span-minutes").number("count", seconds / 60)
    } else {
        language.t("span-seconds").number("count", seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let said = |language, seconds| when(language, now - TimeDelta::seconds(seconds), now).to_string();
        assert_eq!(said(Language::English, 3), "less than a minute ago, 07:59 UTC");
        assert_eq!(said(Language::English, 60), "1 minute ago, 07:59 UTC");
        assert_eq!(said(Language::German, 150), "vor 2 Minuten, 07:57 UTC");
        assert_eq!(said(Language::German, 3 * 86400), "vor 3 Tagen, 08:00 UTC");
        assert_eq!(said(Language::SimplifiedChinese, 7200), "2 小时前，06:00 UTC");
    }

    #[test]
    fn lifetimes_are_told_in_the_largest_unit_that_is_true() {
        let mut tokens = crate::config::Config::default().tokens;
        let words = lifetime(Language::English, &tokens, true).plain();
        assert_eq!(words, "The device's access lasts 10 minutes. It can renew it for up to 90 days.");
        tokens.access_lifetime_seconds = 5400;
        let words = lifetime(Language::German, &tokens, false).plain();
        assert_eq!(words, "Der Zugriff des Geräts gilt 90 Minuten lang, dann endet er.");
    }

    #[test]
    fn a_wait_is_never_told_shorter_than_it_is() {
        let said = |milliseconds| wait(Language::English, TimeDelta::milliseconds(milliseconds)).plain();
        assert_eq!(said(0), "1 second");
        assert_eq!(said(1500), "2 seconds");
        assert_eq!(said(59_001), "1 minute");
        assert_eq!(said(61_000), "2 minutes");
        assert_eq!(said(600_000), "10 minutes");
        assert_eq!(said(5_400_000), "90 minutes");
        assert_eq!(said(7_201_000), "3 hours");
    }
}
