//! When to poll next (RFC 8628 §3.5), as arithmetic without a clock.

use std::time::Duration;

use super::answer::{PollAnswer, Polled};

const SLOW_DOWN_STEP: Duration = Duration::from_secs(5);
const BACK_OFF_CAP: Duration = Duration::from_mins(1);
const LONGEST_HOLD: Duration = Duration::from_secs(30);

/// Whether polls ask the server to hold them until something happens (`Prefer: wait`, RFC 7240 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LongPoll {
    /// Every poll asks; a server that does not know the preference ignores it.
    Ask,
    Off,
}

/// When the next poll may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This long after the previous poll was sent.
    AfterSending(Duration),
    /// This long after the previous poll was answered.
    AfterAnswer(Duration),
}

#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    failures: u32,
    long_poll: LongPoll,
}

impl Pace {
    pub(super) fn new(interval: Duration, long_poll: LongPoll) -> Self {
        Self { interval, failures: 0, long_poll }
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// How long the coming poll asks to be held.
    pub(super) fn hold(&self, remaining: Duration) -> Option<Duration> {
        match self.long_poll {
            LongPoll::Ask => hold_within(remaining),
            LongPoll::Off => None,
        }
    }

    /// Takes the latest poll into account.
    pub(super) fn after(&mut self, polled: &Polled) -> Next {
        let failed = matches!(polled.answer, PollAnswer::Unavailable(_));
        self.failures = if failed { self.failures.saturating_add(1) } else { 0 };
        let delay = match polled.answer {
            PollAnswer::SlowDown => {
                self.interval = slowed(self.interval, polled.interval);
                self.interval
            }
            PollAnswer::Unavailable(_) => {
                // What broke may be a proxy that does not let a request rest.
                self.long_poll = LongPoll::Off;
                backed_off(self.interval, self.failures)
            }
            _ if polled.held => return Next::AfterSending(self.interval),
            _ => self.interval,
        };
        Next::AfterAnswer(delay.max(polled.retry_after.unwrap_or_default()))
    }
}

/// `slow_down` lengthens the interval for this and all later polls: to what the server names, or by five seconds
/// (RFC 8628 §3.5).
fn slowed(interval: Duration, named: Option<Duration>) -> Duration {
    named.filter(|named| *named > interval).unwrap_or(interval.saturating_add(SLOW_DOWN_STEP))
}

/// Doubles with every failure in a row (RFC 8628 §3.5) up to a minute, and is never faster than the server asked for.
fn backed_off(interval: Duration, failures: u32) -> Duration {
    let doubled = interval.saturating_mul(2_u32.saturating_pow(failures));
    doubled.min(BACK_OFF_CAP.max(interval))
}

/// Whole seconds that end before the codes do.
fn hold_within(remaining: Duration) -> Option<Duration> {
    let whole = Duration::from_secs(remaining.min(LONGEST_HOLD).as_secs());
    (!whole.is_zero()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn polled(answer: PollAnswer) -> Polled {
        Polled { answer, retry_after: None, held: false, interval: None }
    }

    fn broken() -> PollAnswer {
        PollAnswer::Unavailable(String::new())
    }

    #[test]
    fn slow_down_adds_five_seconds_for_good() {
        for (named, expected) in
            [(None, 10), (Some(s(7)), 7), (Some(s(30)), 30), (Some(s(5)), 10), (Some(s(0)), 10)]
        {
            assert_eq!(slowed(s(5), named), s(expected), "{named:?}");
        }
        let mut pace = Pace::new(s(5), LongPoll::Off);
        assert_eq!(pace.after(&polled(PollAnswer::SlowDown)), Next::AfterAnswer(s(10)));
        assert_eq!(pace.after(&polled(PollAnswer::Pending)), Next::AfterAnswer(s(10)));
        assert_eq!(pace.after(&polled(PollAnswer::SlowDown)), Next::AfterAnswer(s(15)));
        assert_eq!(pace.interval(), s(15));
    }

    #[test]
    fn back_off_doubles_up_to_its_cap() {
        assert_eq!([1, 2, 3, 4, 400].map(|failures| backed_off(s(5), failures)), [10, 20, 40, 60, 60].map(s));
        assert_eq!(backed_off(s(90), 3), s(90));
        assert_eq!(backed_off(Duration::MAX, 3), Duration::MAX);
    }

    #[test]
    fn an_answer_ends_the_back_off() {
        let mut pace = Pace::new(s(5), LongPoll::Off);
        assert_eq!(pace.after(&polled(broken())), Next::AfterAnswer(s(10)));
        assert_eq!(pace.after(&polled(broken())), Next::AfterAnswer(s(20)));
        assert_eq!(pace.after(&polled(PollAnswer::Pending)), Next::AfterAnswer(s(5)));
        assert_eq!(pace.after(&polled(broken())), Next::AfterAnswer(s(10)));
    }

    #[test]
    fn retry_after_lengthens_a_wait_and_never_shortens_it() {
        let mut pace = Pace::new(s(5), LongPoll::Off);
        assert_eq!(
            pace.after(&Polled { retry_after: Some(s(42)), ..polled(broken()) }),
            Next::AfterAnswer(s(42))
        );
        assert_eq!(
            pace.after(&Polled { retry_after: Some(s(1)), ..polled(broken()) }),
            Next::AfterAnswer(s(20))
        );
    }

    #[test]
    fn a_held_poll_counts_from_its_sending() {
        let mut pace = Pace::new(s(5), LongPoll::Ask);
        assert_eq!(
            pace.after(&Polled { held: true, ..polled(PollAnswer::Pending) }),
            Next::AfterSending(s(5))
        );
        assert_eq!(
            pace.after(&Polled { held: true, ..polled(PollAnswer::SlowDown) }),
            Next::AfterAnswer(s(10))
        );
    }

    #[test]
    fn holds_fit_the_time_left_and_end_with_the_first_failure() {
        assert_eq!(hold_within(s(600)), Some(s(30)));
        assert_eq!(hold_within(Duration::from_millis(7900)), Some(s(7)));
        assert_eq!(hold_within(Duration::from_millis(900)), None);
        let mut pace = Pace::new(s(5), LongPoll::Ask);
        assert_eq!(pace.hold(s(600)), Some(s(30)));
        pace.after(&polled(broken()));
        assert_eq!(pace.hold(s(600)), None);
    }
}
