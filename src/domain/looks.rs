//! Rows that may have been stored although their caller got an error or no answer: a statement may commit after its
//! connection was lost. They are looked up as soon as the database answers, and again for two minutes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The maximum number of rows to look up.
const CAPACITY: usize = 100_000;
/// The pauses between the look-ups of a row that is not stored yet.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(20),
    Duration::from_secs(90),
];

/// Rows to look up.
#[derive(Debug)]
pub struct Looks<K>(Mutex<HashMap<K, Look>>);

/// When a row is looked up next.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    /// The number of look-ups so far.
    before: usize,
}

impl<K> Default for Looks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash> Looks<K> {
    /// Adds a row to look up from now on.
    pub fn add(&self, row: K, now: Instant) {
        let mut waiting = self.waiting();
        if waiting.len() < CAPACITY {
            waiting.insert(row, Look { at: now, before: 0 });
        }
    }

    /// Returns `true` if a row is being looked up.
    #[must_use]
    pub fn contains(&self, row: &K) -> bool {
        self.waiting().contains_key(row)
    }

    /// Returns the rows that are due.
    #[must_use]
    pub fn due(&self, now: Instant) -> Vec<K> {
        self.waiting().iter().filter_map(|(row, look)| (look.at <= now).then_some(*row)).collect()
    }

    /// Notes that the rows that were due at `now` were looked up. Removes those that were found and those that were looked
    /// up often enough.
    pub fn looked_for(&self, rows: &[K], now: Instant, is_found: impl Fn(&K) -> bool) {
        let mut waiting = self.waiting();
        for row in rows {
            let before = waiting.get(row).map_or(0, |look| look.before);
            match PAUSES.get(before).filter(|_| !is_found(row)) {
                Some(pause) => waiting.insert(*row, Look { at: now + *pause, before: before + 1 }),
                None => waiting.remove(row),
            };
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<K, Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_looked_for_six_times_in_two_minutes() {
        let (looks, begin) = (Looks::default(), Instant::now());
        looks.add(7, begin);
        let (mut now, mut times) = (begin, 0);
        while looks.contains(&7) {
            for row in looks.due(now) {
                times += 1;
                looks.looked_for(&[row], now, |_| false);
            }
            now += Duration::from_millis(100);
        }
        assert_eq!(times, 6);
        assert!((110..130).contains(&(now - begin).as_secs()));
    }

    #[test]
    fn what_was_found_is_not_looked_for_again() {
        let (looks, now) = (Looks::default(), Instant::now());
        looks.add(7, now);
        looks.looked_for(&looks.due(now), now, |_| true);
        assert!(!looks.contains(&7) && looks.due(now).is_empty());
    }
}
