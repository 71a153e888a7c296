//! A clock that stands still until a test moves it, or has it run beside programs that wait in real time. It is also the
//! database's, beside which a server's computer may be off.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use latchkey::clock::Clock;

/// The hands of a [`Clock`].
#[derive(Clone)]
pub struct ManualClock {
    hands: Arc<Mutex<Hands>>,
    /// How far the computer of the server that gets it is ahead.
    off: TimeDelta,
}

/// All in microseconds.
enum Hands {
    /// It shows this time.
    Stand(i64),
    /// It is so far ahead of the computer's clock.
    Run(i64),
}

impl ManualClock {
    /// A clock that shows the present, so that libraries with clocks of their own agree.
    pub fn new() -> Self {
        Self { hands: Arc::new(Mutex::new(Hands::Stand(present()))), off: TimeDelta::zero() }
    }

    /// Moves it by so many seconds, also backwards.
    pub fn advance(&self, seconds: f64) {
        #[expect(clippy::cast_possible_truncation, reason = "some days in microseconds")]
        let step = (seconds * 1e6) as i64;
        let (Hands::Stand(place) | Hands::Run(place)) = &mut *self.hands();
        *place += step;
    }

    /// Sets it to the present, for whoever works with a clock of their own.
    pub fn catch_up(&self) {
        match &mut *self.hands() {
            Hands::Stand(shown) => *shown = present(),
            Hands::Run(ahead) => *ahead = 0,
        }
    }

    /// Sets it to the present and has it run from now on.
    pub fn run(&self) {
        *self.hands() = Hands::Run(0);
    }

    /// What it shows.
    pub fn now(&self) -> DateTime<Utc> {
        let shown = match *self.hands() {
            Hands::Stand(shown) => shown,
            Hands::Run(ahead) => present() + ahead,
        };
        DateTime::from_timestamp_micros(shown).expect("a time within some millennia")
    }

    /// The same clock for a server whose computer is so many seconds ahead of it.
    pub fn seen_by_a_computer_that_is_off(&self, seconds: i64) -> Self {
        Self { off: TimeDelta::seconds(seconds), ..self.clone() }
    }

    /// The clock for a server.
    pub fn clock(&self) -> Clock {
        let (own, database) = (self.clone(), self.clone());
        Clock::beside(Arc::new(move || own.now() + own.off), Arc::new(move || database.now()))
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The computer's time.
fn present() -> i64 {
    Clock::system().now().timestamp_micros()
}
