//! The one place that asks what time it is. Rules are given `now`; tests hold the clock still.
//!
//! Servers on one database must agree about the time even if their computers do not. So there are two times:
//!
//! - **The database's time**, [`Clock::now`]: for everything that is written into a row or compared with one, and that
//!   servers share: windows, intervals, lifetimes, nonces, sealed cookies, the audit log, IDs. Each server measures how
//!   far the database's clock is from its own computer's, and counts on from there with a clock that no one can set.
//! - **The computer's own time**, [`Clock::own_now`]: for everything that others compare with their clocks or create by
//!   them: `iat`, `exp` and `auth_time` in the tokens that it signs, the times in proofs (RFC 9449) and assertions
//!   (RFC 7523), one-time passwords (RFC 6238), the signatures of webhooks, the date of an email. So a database whose
//!   clock is wrong does not lead to tokens that everyone rejects.
//!
//! Where both meet, a time is translated: a time from a row goes into a token by [`Clock::to_own`], and what came from
//! others is stored until [`Clock::over_by_both`]. Access tokens that come back are judged by the database's time: their
//! `jti` tells it (see [`AccessToken`](crate::model::access_token::AccessToken)), so that no server takes another's token
//! for one from the future. Proofs, assertions and one-time passwords are accepted if fresh by either time: one of
//! them may be wrong, and the client knows neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

#[derive(Clone)]
pub struct Clock(Arc<Works>);

type Source = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

struct Works {
    /// The computer's clock.
    own: Source,
    /// Microseconds since an arbitrary moment. No one can set it.
    steady: Box<dyn Fn() -> i64 + Send + Sync>,
    /// The database's time in microseconds since 1970, minus `steady`.
    database_ahead: AtomicI64,
    /// Instead of the database's clock.
    reference: Option<Source>,
}

impl Clock {
    /// The computer's clock. Until both are compared, the database's clock is assumed to show the same time.
    #[must_use]
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let own = Arc::new(Utc::now);
        Self::of_computer(own)
    }

    /// A computer's clock that shows what `own` says, to be compared with the database's.
    #[must_use]
    pub fn of_computer(own: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>) -> Self {
        let start = Instant::now();
        let steady = Box::new(move || i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX));
        let database_ahead = AtomicI64::new(own().timestamp_micros());
        Self(Arc::new(Works { own, steady, database_ahead, reference: None }))
    }

    /// A clock that says what `source` says, and takes that for the database's time, too.
    pub fn from_fn(source: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        let source: Source = Arc::new(source);
        Self::beside(Arc::clone(&source), source)
    }

    /// A computer's clock that shows what `own` says, beside a database whose clock shows what `reference` says.
    #[must_use]
    pub fn beside(
        own: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
        reference: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    ) -> Self {
        let counting = Arc::clone(&own);
        let steady = Box::new(move || counting().timestamp_micros());
        Self(Arc::new(Works { own, steady, database_ahead: AtomicI64::new(0), reference: Some(reference) }))
    }

    /// The database's time, to the microsecond: the database keeps no more, and times must compare equal after a round
    /// trip.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let micros = (self.0.steady)() + self.0.database_ahead.load(Ordering::Relaxed);
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// The computer's own time, to the microsecond.
    #[must_use]
    pub fn own_now(&self) -> DateTime<Utc> {
        (self.0.own)().trunc_subsecs(6)
    }

    /// How far the computer's own clock is ahead of the database's; negative where it is behind.
    #[must_use]
    pub fn lead(&self) -> TimeDelta {
        self.own_now() - self.now()
    }

    /// What the computer's own clock shows at this moment of the database's time. To the second, since two clocks that
    /// are read one after the other are never quite the same.
    #[must_use]
    pub fn to_own(&self, moment: DateTime<Utc>) -> DateTime<Utc> {
        moment + TimeDelta::seconds(rounded_seconds(self.lead()))
    }

    /// The database's time at which a moment is over by both clocks.
    #[must_use]
    pub fn over_by_both(&self, moment: DateTime<Utc>) -> DateTime<Utc> {
        moment + TimeDelta::seconds(rounded_seconds(-self.lead()).max(0))
    }

    /// The time that replaces the database's own clock, if any.
    #[must_use]
    pub fn reference(&self) -> Option<DateTime<Utc>> {
        self.0.reference.as_ref().map(|source| source())
    }

    /// Follows the database's clock from now on, according to the quickest of these answers. A difference that lies within
    /// the time that the answer took is ignored.
    pub fn correct(&self, answers: &[Sample]) {
        let quickest = answers.iter().min_by_key(|answer| answer.took());
        let correction = quickest.map_or(0, |answer| answer.correction());
        self.0.database_ahead.fetch_add(correction, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

/// One answer of the database to a question for its time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When it was asked, by [`Clock::now`].
    pub asked: DateTime<Utc>,
    pub database: DateTime<Utc>,
    /// When the answer came, by [`Clock::now`].
    pub answered: DateTime<Utc>,
}

impl Sample {
    fn took(self) -> TimeDelta {
        self.answered - self.asked
    }

    /// By how many microseconds to correct: to the middle of the round trip, if the answer lies outside of it.
    fn correction(self) -> i64 {
        if (self.asked..=self.answered).contains(&self.database) {
            return 0;
        }
        let middle = self.asked + self.took() / 2;
        (self.database - middle).num_microseconds().unwrap_or(0)
    }
}

/// Whole seconds, to the nearest.
fn rounded_seconds(span: TimeDelta) -> i64 {
    (span.num_milliseconds() + 500).div_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(1_800_000_000_000_000 + micros).unwrap()
    }

    #[test]
    fn only_what_a_round_trip_does_not_explain_is_a_difference() {
        for (database, correction) in
            [(0, 0), (40, 0), (100, 0), (101, 51), (-1, -51), (5_000_050, 5_000_000)]
        {
            let sample = Sample { asked: at(0), database: at(database), answered: at(100) };
            assert_eq!(sample.correction(), correction, "{database}");
        }
    }

    #[test]
    fn two_computers_agree_once_they_have_asked_the_same_database() {
        for shift in [-300_000_000, -2_000_000, 2_000_000, 300_000_000] {
            let clock = Clock::beside(Arc::new(move || at(shift)), Arc::new(|| at(0)));
            let database = clock.reference().unwrap();
            clock.correct(&[Sample { asked: clock.now(), database, answered: clock.now() }]);
            assert_eq!((clock.now(), clock.own_now()), (at(0), at(shift)));
            assert_eq!(clock.lead(), TimeDelta::microseconds(shift));
            assert_eq!(clock.to_own(at(7)), at(7 + shift));
            assert_eq!(clock.over_by_both(at(7)), at(7 + (-shift).max(0)));
        }
    }

    #[test]
    fn the_quickest_answer_counts_and_none_changes_nothing() {
        let clock = Clock::beside(Arc::new(|| at(0)), Arc::new(|| at(0)));
        clock.correct(&[]);
        assert_eq!(clock.now(), at(0));
        let slow = Sample { asked: at(0), database: at(1_000), answered: at(900) };
        let quick = Sample { asked: at(0), database: at(500), answered: at(10) };
        clock.correct(&[slow, quick, slow]);
        assert_eq!(clock.now(), at(495));
    }

    #[test]
    fn a_little_difference_does_not_move_what_stands_in_a_token() {
        for (millis, seconds) in [(499, 0), (-499, 0), (500, 1), (-501, -1), (2_000, 2)] {
            assert_eq!(rounded_seconds(TimeDelta::milliseconds(millis)), seconds, "{millis}");
        }
    }
}
