//! The pause of the queue while the mail server itself fails: nothing else is tried meanwhile, since it would fail too.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// After the first failure; twice as long after each further one, up to the longest.
const SHORTEST: TimeDelta = TimeDelta::seconds(5);
const LONGEST: TimeDelta = TimeDelta::minutes(2);

/// Until when the queue rests on this server.
#[derive(Debug, Default)]
pub struct Pause(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    in_a_row: u32,
    until: Option<DateTime<Utc>>,
}

impl Pause {
    /// Returns `true` if nothing is to be tried yet.
    pub fn lasts(&self, now: DateTime<Utc>) -> bool {
        self.failures().until.is_some_and(|until| now < until)
    }

    /// Notes that the mail server failed. Returns when to try again.
    pub fn extend(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut failures = self.failures();
        let doublings = failures.in_a_row.min(10);
        failures.in_a_row = failures.in_a_row.saturating_add(1);
        let until = now + (SHORTEST * 2_i32.pow(doublings)).min(LONGEST);
        failures.until = Some(until);
        until
    }

    /// Notes that the mail server works.
    pub fn end(&self) {
        *self.failures() = Failures::default();
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_two_minutes_and_end_with_the_first_message() {
        let (pause, now) = (Pause::default(), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        assert!(!pause.lasts(now));
        let seconds: Vec<_> = (0..20).map(|_| (pause.extend(now) - now).num_seconds()).collect();
        assert_eq!(seconds[..7], [5, 10, 20, 40, 80, 120, 120]);
        assert_eq!(seconds[19], 120);
        assert!(pause.lasts(now + TimeDelta::seconds(119)) && !pause.lasts(now + TimeDelta::seconds(120)));
        pause.end();
        assert!(!pause.lasts(now));
        assert_eq!((pause.extend(now) - now).num_seconds(), 5);
    }
}
