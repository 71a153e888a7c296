//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use latchkey::clock::Clock;

/// The hands of a [`Clock`].
#[derive(Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows the present, so that libraries with clocks of their own agree.
    pub fn new() -> Self {
        let now = Clock::system().now().timestamp_micros();
        Self(Arc::new(AtomicI64::new(now)))
    }

    /// Moves it by so many seconds, also backwards.
    pub fn advance(&self, seconds: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "some days in microseconds")]
        self.0.fetch_add((seconds * 1e6) as i64, Ordering::SeqCst);
    }

    /// Sets it to the present, for whoever works with a clock of their own.
    pub fn catch_up(&self) {
        self.0.store(Clock::system().now().timestamp_micros(), Ordering::SeqCst);
    }

    /// What it shows.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).expect("a time within some millennia")
    }

    /// The clock for a server.
    pub fn clock(&self) -> Clock {
        let hands = self.clone();
        Clock::from_fn(move || hands.now())
    }
}
