//! Plays of chance: how often they are played, and what is drawn in them.
//!
//! `LATCHKEY_TEST_ROUNDS=100` plays all of them a hundred times as often. `LATCHKEY_TEST_SEED` draws the same again; what
//! other programs do meanwhile is not drawn.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// So many in the usual run, and more where more are asked for.
pub fn times(usual: usize) -> usize {
    usual * setting("LATCHKEY_TEST_ROUNDS").and_then(|times| usize::try_from(times).ok()).unwrap_or(1).max(1)
}

#[expect(clippy::disallowed_methods, reason = "these variables are the tests' own settings")]
fn setting(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is a number, not {value}")))
}

/// A source of draws, which says its seed: a test that fails shows it.
pub struct Chance(StdRng);

impl Chance {
    /// A new one for the play of this name.
    pub fn of(play: &str) -> Self {
        let seed = setting("LATCHKEY_TEST_SEED").unwrap_or_else(rand::random);
        println!("{play}: LATCHKEY_TEST_SEED={seed}");
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number among these.
    pub fn among(&mut self, numbers: RangeInclusive<usize>) -> usize {
        self.0.random_range(numbers)
    }

    /// So many milliseconds at most.
    pub fn up_to(&mut self, milliseconds: u64) -> Duration {
        Duration::from_micros(self.0.random_range(0..=milliseconds * 1_000))
    }

    /// `true` once in so many times.
    pub fn once_in(&mut self, times: u32) -> bool {
        self.0.random_ratio(1, times)
    }
}
