//! What a connection is doing, and the rules of how long it may: pure functions of phase and time.

use std::time::{Duration, Instant};

/// The least age at which a connection that has not sent a whole head may be closed to make room.
const PATIENCE_WHEN_FULL: Duration = Duration::from_secs(1);
/// How long a connection that was told to close may take, and how long the rest of a refused body is discarded.
pub(super) const CLOSING: Duration = Duration::from_secs(2);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The peer has connected and sent nothing.
    Opened,
    /// A part of a head, or of the HTTP/2 preface, has come.
    Head,
    /// This number of requests is under way.
    Answering(u32),
    /// All requests were answered; another one may follow.
    Kept,
    /// The server has closed its side and discards what still comes.
    Closing,
}

/// A phase and its start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) phase: Phase,
    pub(super) since: Instant,
}

/// How long each phase may last.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeLimits {
    /// From the connect to the first byte, and from a head's first byte to its last.
    pub(super) head: Duration,
    /// From an answer to the first byte of the next request.
    pub(super) kept: Duration,
}

impl Standing {
    /// Returns `true` if the phase has lasted longer than it may.
    pub(super) fn is_overdue(self, limits: TimeLimits, now: Instant) -> bool {
        let limit = match self.phase {
            Phase::Opened | Phase::Head => limits.head,
            Phase::Kept => limits.kept,
            Phase::Closing => CLOSING,
            // The request has its own limits.
            Phase::Answering(_) => return false,
        };
        self.age(now) > limit
    }

    /// Returns how dispensable the connection is when there is no room for another: one that has not sent a whole
    /// head before one that has been answered, then the longest idle first. `None` while it must not be closed.
    pub(super) fn dispensability(self, now: Instant) -> Option<(bool, Duration)> {
        let age = self.age(now);
        match self.phase {
            Phase::Opened | Phase::Head => (age >= PATIENCE_WHEN_FULL).then_some((true, age)),
            Phase::Kept => Some((false, age)),
            Phase::Answering(_) | Phase::Closing => None,
        }
    }

    fn age(self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TimeLimits = TimeLimits { head: Duration::from_secs(5), kept: Duration::from_secs(75) };

    fn after(phase: Phase, seconds: u64) -> (Standing, Instant) {
        let since = Instant::now();
        (Standing { phase, since }, since + Duration::from_secs(seconds))
    }

    #[test]
    fn each_phase_has_its_own_time_limit() {
        for (phase, seconds, overdue) in [
            (Phase::Opened, 5, false),
            (Phase::Opened, 6, true),
            (Phase::Head, 5, false),
            (Phase::Head, 6, true),
            // The longest polling interval.
            (Phase::Kept, 60, false),
            (Phase::Kept, 75, false),
            (Phase::Kept, 76, true),
            (Phase::Answering(1), 1000, false),
            (Phase::Closing, 3, true),
        ] {
            let (standing, now) = after(phase, seconds);
            assert_eq!(standing.is_overdue(LIMITS, now), overdue, "{phase:?} {seconds}");
        }
    }

    #[test]
    fn silent_connections_go_before_kept_ones_and_the_longest_idle_first() {
        let rank = |phase, seconds| {
            let (standing, now) = after(phase, seconds);
            standing.dispensability(now)
        };
        let ascending =
            [rank(Phase::Kept, 0), rank(Phase::Kept, 9), rank(Phase::Opened, 1), rank(Phase::Head, 2)];
        assert!(ascending.is_sorted() && ascending.iter().all(Option::is_some), "{ascending:?}");
        for kept in [rank(Phase::Opened, 0), rank(Phase::Head, 0), rank(Phase::Answering(1), 99)] {
            assert_eq!(kept, None);
        }
    }
}
