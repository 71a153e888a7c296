//! Times and spans in words.

use chrono::{DateTime, Datelike, TimeDelta, Utc};

use super::{Language, Phrase};

/// "2 minutes ago, 10:20 UTC"
#[must_use]
pub fn when(language: Language, then: DateTime<Utc>, now: DateTime<Utc>) -> Phrase {
    let ago = ago(language, then, now);
    language.t("when").phrase("ago", ago).text("time", &then.format("%H:%M").to_string())
}

/// "15 January 2027"
#[must_use]
pub fn date(language: Language, day: DateTime<Utc>) -> Phrase {
    let (month, year) = (i64::from(day.month()), i64::from(day.year()));
    language.t("date").number("day", i64::from(day.day())).number("month", month).number("year", year)
}

/// "2 minutes ago"
#[must_use]
pub fn ago(language: Language, then: DateTime<Utc>, now: DateTime<Utc>) -> Phrase {
    let past = now - then;
    if past.num_days() > 0 {
        language.t("ago-days").number("count", past.num_days())
    } else if past.num_hours() > 0 {
        language.t("ago-hours").number("count", past.num_hours())
    } else if past.num_minutes() > 0 {
        language.t("ago-minutes").number("count", past.num_minutes())
    } else {
        language.t("ago-moments")
    }
}

/// How long what is granted will last: each access token so many seconds, and the whole as long as `renewable`, where it can be
/// renewed.
#[must_use]
pub fn lifetime(language: Language, access_seconds: u32, renewable: Option<TimeDelta>) -> Phrase {
    let access = seconds(language, access_seconds);
    match renewable {
        Some(whole) => {
            let whole = span(language, whole);
            language.t("consent-lifetime-renewable").phrase("access", access).phrase("whole", whole)
        }
        None => language.t("consent-lifetime").phrase("access", access),
    }
}

/// How long to wait, never shorter than it is: in seconds below a minute, in minutes below two hours, and in
/// hours from there on.
#[must_use]
pub fn wait(language: Language, wait: TimeDelta) -> Phrase {
    let seconds = (wait.num_milliseconds().max(1) + 999) / 1000;
    match seconds {
        ..60 => language.t("span-seconds").number("count", seconds),
        60..7200 => language.t("span-minutes").number("count", (seconds + 59) / 60),
        _ => language.t("span-hours").number("count", (seconds + 3599) / 3600),
    }
}

/// About how long that is, and never more than it is: in the largest unit that it fills.
#[must_use]
pub fn about(language: Language, span: TimeDelta) -> Phrase {
    if span.num_days() > 0 {
        language.t("span-days").number("count", span.num_days())
    } else if span.num_hours() > 0 {
        language.t("span-hours").number("count", span.num_hours())
    } else {
        language.t("span-minutes").number("count", span.num_minutes().max(0))
    }
}

/// So many seconds, in the largest unit in which they are a whole number.
#[must_use]
pub fn seconds(language: Language, seconds: u32) -> Phrase {
    span(language, TimeDelta::seconds(i64::from(seconds)))
}

/// The span in the largest unit in which it is a whole number.
#[must_use]
pub fn span(language: Language, span: TimeDelta) -> Phrase {
    let seconds = span.num_seconds();
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
    fn a_day_is_written_as_its_readers_write_it() {
        let said = |language, seconds| date(language, DateTime::from_timestamp(seconds, 0).unwrap()).plain();
        assert_eq!(said(Language::English, 1_800_000_000), "15 January 2027");
        assert_eq!(said(Language::German, 1_804_000_000), "2. März 2027");
        assert_eq!(said(Language::German, 1_830_000_000), "28. Dezember 2027");
        assert_eq!(said(Language::SimplifiedChinese, 1_800_000_000), "2027年1月15日");
    }

    #[test]
    fn lifetimes_are_told_in_the_largest_unit_that_is_true() {
        let renewed = lifetime(Language::English, 600, Some(TimeDelta::days(90))).plain();
        let message = Language::English.t("consent-lifetime-renewable");
        assert_eq!(renewed, message.text("access", "10 minutes").text("whole", "90 days").plain());
        let short = lifetime(Language::German, 5400, None).plain();
        assert_eq!(short, Language::German.t("consent-lifetime").text("access", "90 Minuten").plain());
    }

    #[test]
    fn what_is_left_is_told_in_the_largest_unit_that_it_fills() {
        let said = |seconds| about(Language::German, TimeDelta::seconds(seconds)).plain();
        assert_eq!(said(90 * 86400 - 1), "89 Tage");
        assert_eq!(said(86400), "1 Tag");
        assert_eq!(said(86399), "23 Stunden");
        assert_eq!(said(3599), "59 Minuten");
        assert_eq!(said(-5), "0 Minuten");
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
