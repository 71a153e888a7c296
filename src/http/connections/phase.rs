//! What a connection is doing, and the rules of how long it may: pure functions of phase and time.

use std::time::{Duration, Instant};

/// The least age at which a connection that has not sent a whole head may be closed to make room.
const PATIENCE_WHEN_FULL: Duration = Duration::from_secs(1);
/// How long a connection that was told to close may take, and how long the rest of a refused body is discarded.
pub(super) const CLOSING: Duration = Duration::from_secs(2);

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

#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) phase: Phase,
    pub(super) since: Instant,
}

/// How long each phase may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeLimits {
    /// From the connect to the first byte.
    pub(super) opened: Duration,
    /// From a head's first byte to its last.
    pub(super) head: Duration,
    /// From an answer to the first byte of the next request.
    pub(super) kept: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Close as soon as nothing is under way: an answer says so, or GOAWAY.
    Leave,
    Cut,
}

impl TimeLimits {
    /// The same while the server stops and gives each peer that asks regularly an answer that says goodbye, for at most
    /// `farewell` of silence.
    pub(super) fn at_a_stop(self, farewell: Duration) -> Self {
        Self { opened: self.opened.min(PATIENCE_WHEN_FULL), head: self.head, kept: self.kept.min(farewell) }
    }
}

impl Standing {
    /// Returns what the connection is to be told now, if anything. `left` is when it was told to leave.
    pub(super) fn order(self, limits: TimeLimits, left: Option<Instant>, now: Instant) -> Option<Order> {
        let age = self.age(now);
        let cut = |is_overdue: bool| is_overdue.then_some(Order::Cut);
        match (self.phase, left) {
            (Phase::Opened, _) => cut(age > limits.opened),
            (Phase::Head, _) => cut(age > limits.head),
            (Phase::Kept, None) => (age > limits.kept).then_some(Order::Leave),
            // It does not close on its own.
            (Phase::Kept, Some(left)) => cut(age > CLOSING && now.saturating_duration_since(left) > CLOSING),
            (Phase::Closing, _) => cut(age > CLOSING),
            // The request has its own limits.
            (Phase::Answering(_), _) => None,
        }
    }

    /// Returns what a connection that is to make room is told.
    pub(super) fn making_room(self) -> Order {
        if self.phase == Phase::Kept { Order::Leave } else { Order::Cut }
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

    const LIMITS: TimeLimits = TimeLimits {
        opened: Duration::from_secs(5),
        head: Duration::from_secs(5),
        kept: Duration::from_secs(77),
    };

    fn after(phase: Phase, seconds: u64) -> (Standing, Instant) {
        let since = Instant::now();
        (Standing { phase, since }, since + Duration::from_secs(seconds))
    }

    #[test]
    fn each_phase_has_its_own_time_limit() {
        for (phase, seconds, order) in [
            (Phase::Opened, 5, None),
            (Phase::Opened, 6, Some(Order::Cut)),
            (Phase::Head, 5, None),
            (Phase::Head, 6, Some(Order::Cut)),
            // The longest polling interval.
            (Phase::Kept, 60, None),
            (Phase::Kept, 77, None),
            (Phase::Kept, 78, Some(Order::Leave)),
            (Phase::Answering(1), 1000, None),
            (Phase::Closing, 3, Some(Order::Cut)),
        ] {
            let (standing, now) = after(phase, seconds);
            assert_eq!(standing.order(LIMITS, None, now), order, "{phase:?} {seconds}");
        }
    }

    #[test]
    fn whoever_was_told_to_leave_and_is_in_the_middle_of_a_request_may_end_it() {
        for (phase, seconds, order) in [
            (Phase::Kept, 2, None),
            (Phase::Kept, 3, Some(Order::Cut)),
            (Phase::Head, 3, None),
            (Phase::Answering(1), 1000, None),
        ] {
            let (standing, now) = after(phase, seconds);
            assert_eq!(standing.order(LIMITS, Some(standing.since), now), order, "{phase:?} {seconds}");
        }
    }

    #[test]
    fn at_a_stop_a_silent_connection_is_kept_for_one_more_poll() {
        let limits = LIMITS.at_a_stop(Duration::from_secs(6));
        for (phase, seconds, order) in [
            (Phase::Opened, 2, Some(Order::Cut)),
            (Phase::Kept, 6, None),
            (Phase::Kept, 7, Some(Order::Leave)),
            (Phase::Answering(1), 1000, None),
        ] {
            let (standing, now) = after(phase, seconds);
            assert_eq!(standing.order(limits, None, now), order, "{phase:?} {seconds}");
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
