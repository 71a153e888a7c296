//! How many wrong guesses are allowed (RFC 8628 §5.1, NIST SP 800-63B-4 §3.2.2).
//!
//! Each attempt is reserved before it is judged, so that a hundred concurrent ones cannot all pass. A wrong one is
//! spent. A right one, and one that was not answered, costs nothing; success does not reset what others spent.
//!
//! The database counts by the same rule, in `reserve_attempt` of the migrations; [`Guard::pay`] is for what one server
//! counts in memory.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// How long an attempt stays reserved that is never settled, because its server died or lost the database.
pub const LAPSE: TimeDelta = TimeDelta::seconds(30);

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guard {
    /// The guard's name in the database.
    pub name: &'static str,
    /// How many attempts may be open at once.
    pub capacity: f64,
    pub refill: Refill,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refill {
    /// Restores all attempts after this much time without a failure.
    AfterQuiet(TimeDelta),
    /// One by one, each after this long.
    OneEach(TimeDelta),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// Attempts not yet given back.
    pub spent: f64,
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts")]
pub struct TooManyAttemptsError {
    /// How long until there is one again.
    pub retry_after: TimeDelta,
}

impl Guard {
    /// Pays for one attempt at `now`: what is spent afterwards, or that nothing was left.
    pub fn pay(
        &self,
        before: Option<Spending>,
        now: DateTime<Utc>,
    ) -> Result<Spending, TooManyAttemptsError> {
        let (spent, wait) = before.map_or((0.0, TimeDelta::zero()), |before| self.owed(before, now));
        if spent + 1.0 > self.capacity + 1e-9 {
            return Err(TooManyAttemptsError { retry_after: wait });
        }
        Ok(Spending { spent: spent + 1.0, updated_at: now })
    }

    /// What is still spent at `now`, and how long until one more fits when it is full.
    fn owed(&self, before: Spending, now: DateTime<Utc>) -> (f64, TimeDelta) {
        let elapsed = (now - before.updated_at).max(TimeDelta::zero());
        match self.refill {
            Refill::AfterQuiet(quiet) if elapsed >= quiet => (0.0, TimeDelta::zero()),
            Refill::AfterQuiet(quiet) => (before.spent, quiet - elapsed),
            Refill::OneEach(each) => {
                let spent = (before.spent - seconds(elapsed) / seconds(each)).max(0.0);
                let excess = (spent + 1.0 - self.capacity).max(0.0);
                #[expect(clippy::cast_possible_truncation, reason = "some minutes, in milliseconds")]
                let wait = TimeDelta::milliseconds((excess * seconds(each) * 1000.0).round() as i64);
                (spent, wait)
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of some years stay below 2^52")]
fn seconds(span: TimeDelta) -> f64 {
    span.num_milliseconds() as f64 / 1000.0
}

/// Returns what every hold is above that was made after `instant`, and no other is.
#[must_use]
pub fn holds_until(instant: DateTime<Utc>) -> Uuid {
    let milliseconds = u128::try_from(instant.timestamp_millis()).unwrap_or(0);
    // UUIDv7 (RFC 9562 §5.7) without its random part.
    Uuid::from_u128((milliseconds << 80) | (0x7 << 76))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const QUIET: Guard =
        Guard { name: "quiet", capacity: 5.0, refill: Refill::AfterQuiet(TimeDelta::minutes(10)) };
    const STEADY: Guard =
        Guard { name: "steady", capacity: 10.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    #[test]
    fn never_more_than_five_within_any_ten_minutes() {
        let mut spending = None;
        let mut passed = Vec::new();
        for second in (0..7_200).step_by(7) {
            if let Ok(after) = QUIET.pay(spending, at(second)) {
                spending = Some(after);
                passed.push(second);
            }
        }
        assert!(passed.len() > 10);
        assert!(passed.windows(6).all(|six| six[5] - six[0] >= 600), "{passed:?}");
    }

    #[test]
    fn a_burst_of_ten_and_then_one_a_minute() {
        let mut spending = None;
        for _ in 0..10 {
            spending = Some(STEADY.pay(spending, at(0)).unwrap());
        }
        assert_eq!(
            STEADY.pay(spending, at(0)),
            Err(TooManyAttemptsError { retry_after: TimeDelta::minutes(1) })
        );
        assert_eq!(
            STEADY.pay(spending, at(59)),
            Err(TooManyAttemptsError { retry_after: TimeDelta::seconds(1) })
        );
        spending = Some(STEADY.pay(spending, at(60)).unwrap());
        assert!(STEADY.pay(spending, at(60)).is_err());
        assert!(STEADY.pay(spending, at(120)).is_ok());
    }

    #[test]
    fn a_clock_set_back_gives_nothing_back() {
        let mut spending = None;
        for _ in 0..10 {
            spending = Some(STEADY.pay(spending, at(1_000)).unwrap());
        }
        assert!(STEADY.pay(spending, at(0)).is_err());
    }

    #[test]
    fn a_hold_is_above_every_earlier_instant_and_below_every_later_one() {
        let made = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for _ in 0..100 {
            let hold = Random::system().uuid_v7(made);
            assert!(hold >= holds_until(made));
            assert!(hold < holds_until(made + TimeDelta::milliseconds(1)));
        }
    }
}
