//! Figures over time.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// Counts of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Codes requested by devices.
    pub starts: u64,
    pub approvals: u64,
    /// Codes denied while pending: by a user, an administrator or a rule.
    pub denials: u64,
    /// Codes that expired before anyone decided.
    pub expiries: u64,
    /// Polls of pending codes.
    pub polls: u64,
    /// The part of them that was answered with `slow_down`.
    pub early_polls: u64,
}

impl Figures {
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, more: Self) {
        self.starts += more.starts;
        self.approvals += more.approvals;
        self.denials += more.denials;
        self.expiries += more.expiries;
        self.polls += more.polls;
        self.early_polls += more.early_polls;
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Span {
    /// The last hour, by minutes.
    #[default]
    Hour,
    /// The last day, by half hours.
    Day,
    /// The last thirty days, by days (UTC).
    Month,
}

impl Span {
    pub const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.as_str() == word)
    }

    /// The length of each part.
    #[must_use]
    pub const fn step(self) -> TimeDelta {
        match self {
            Self::Hour => TimeDelta::minutes(1),
            Self::Day => TimeDelta::minutes(30),
            Self::Month => TimeDelta::days(1),
        }
    }

    const fn parts(self) -> i32 {
        match self {
            Self::Hour => 60,
            Self::Day => 48,
            Self::Month => 30,
        }
    }

    /// Its start, if the part that contains `now` is its last.
    #[must_use]
    pub fn begins_at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        beginning(now, self.step()) - self.step() * (self.parts() - 1)
    }

    /// Returns all of its parts, oldest first, with the `known` figures of shorter ones in them.
    #[must_use]
    pub fn parts_with(
        self,
        known: &[(DateTime<Utc>, Figures)],
        now: DateTime<Utc>,
    ) -> Vec<(DateTime<Utc>, Figures)> {
        let from = self.begins_at(now);
        let mut parts: Vec<_> =
            (0..self.parts()).map(|nth| (from + self.step() * nth, Figures::default())).collect();
        for (at, figures) in known.iter().filter(|(at, _)| *at >= from) {
            let nth = (*at - from).num_seconds() / self.step().num_seconds();
            if let Some((_, part)) = usize::try_from(nth).ok().and_then(|nth| parts.get_mut(nth)) {
                *part += *figures;
            }
        }
        parts
    }
}

/// The start of the part that contains `at`, if all parts are `step` long.
#[must_use]
pub fn beginning(at: DateTime<Utc>, step: TimeDelta) -> DateTime<Utc> {
    at.duration_trunc(step).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_span_ends_with_the_part_that_is_now() {
        let now = at("2026-11-25T10:47:31Z");
        for (span, first, last) in [
            (Span::Hour, "2026-11-25T09:48:00Z", "2026-11-25T10:47:00Z"),
            (Span::Day, "2026-11-24T11:00:00Z", "2026-11-25T10:30:00Z"),
            (Span::Month, "2026-10-27T00:00:00Z", "2026-11-25T00:00:00Z"),
        ] {
            let parts = span.parts_with(&[], now);
            assert_eq!((parts[0].0, parts[parts.len() - 1].0), (at(first), at(last)), "{span:?}");
            assert_eq!(span.begins_at(now), at(first));
            assert_eq!(Span::parse(span.as_str()), Some(span));
        }
    }

    #[test]
    fn what_is_known_of_minutes_adds_up_in_the_part_they_are_in_and_nowhere_else() {
        let now = at("2026-11-25T10:47:31Z");
        let starts = |starts| Figures { starts, ..Figures::default() };
        let known = [
            (at("2026-11-24T10:59:00Z"), starts(100)),
            (at("2026-11-24T11:00:00Z"), starts(1)),
            (at("2026-11-25T10:29:00Z"), starts(2)),
            (at("2026-11-25T10:30:00Z"), starts(4)),
            (at("2026-11-25T10:47:00Z"), starts(8)),
            (at("2026-11-25T11:00:00Z"), starts(100)),
        ];
        let parts = Span::Day.parts_with(&known, now);
        let told: Vec<_> = parts.iter().map(|(_, figures)| figures.starts).collect();
        assert_eq!((told[0], told[46], told[47], told.iter().sum::<u64>()), (1, 2, 12, 15));
    }
}
