//! How the sealing of the audit trail goes on this server. What is not sealed can be removed unseen, so operators must
//! know when events wait for longer than usual, or are refused.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// How long sealing may fail before operators are warned.
pub const PATIENCE: TimeDelta = TimeDelta::minutes(1);

#[derive(Debug, Default)]
pub struct SealingWatch(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The first attempt since the last one that succeeded; `None` if the last one did.
    trying_since: Option<DateTime<Utc>>,
    /// The number of events that the last attempt refused.
    refused: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealingError {
    /// This server has not been able to seal.
    #[error("audit events have not been sealed since {}", .0.to_rfc3339_opts(SecondsFormat::Secs, true))]
    Stalled(DateTime<Utc>),
    /// Events carry no code of a server, or a wrong one.
    #[error("audit events without a valid code: {0}; run: latchkey admin verify-audit")]
    Refused(usize),
}

impl SealingWatch {
    pub fn begin(&self, now: DateTime<Utc>) {
        self.state().trying_since.get_or_insert(now);
    }

    /// Notes that an attempt succeeded, and how many events it refused.
    pub fn succeed(&self, refused: usize) {
        *self.state() = State { trying_since: None, refused };
    }

    #[must_use]
    pub fn concerns(&self, now: DateTime<Utc>) -> Vec<SealingError> {
        let state = self.state();
        let stalled = state.trying_since.filter(|since| now - *since >= PATIENCE).map(SealingError::Stalled);
        let refused = (state.refused > 0).then_some(SealingError::Refused(state.refused));
        stalled.into_iter().chain(refused).collect()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealing_is_stalled_a_minute_after_its_first_failure() {
        let (watch, start) = (SealingWatch::default(), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let after = |seconds| start + TimeDelta::seconds(seconds);
        assert_eq!(watch.concerns(after(3_600)), []);
        watch.begin(start);
        watch.begin(after(55));
        assert_eq!(watch.concerns(after(59)), []);
        assert_eq!(watch.concerns(after(60)), [SealingError::Stalled(start)]);
        watch.succeed(2);
        assert_eq!(watch.concerns(after(3_600)), [SealingError::Refused(2)]);
        watch.begin(after(3_600));
        watch.succeed(0);
        assert_eq!(watch.concerns(after(7_200)), []);
    }
}
