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

/// How long a row is remembered after it was found: longer than a request takes that had read it before, and now asks.
const REMEMBERED: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub struct Looks<K>(Mutex<HashMap<K, Look>>);

/// What is to be done about a row.
#[derive(Clone, Copy, Debug)]
enum Look {
    /// It is looked up then. `before`: the number of look-ups so far.
    Due { at: Instant, before: usize },
    /// It was found, and is forgotten then.
    Found { until: Instant },
}

impl<K> Default for Looks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash> Looks<K> {
    /// Adds a row to look up from now on.
    pub fn add(&self, row: K, now: Instant) {
        let mut rows = self.rows();
        if rows.len() >= CAPACITY {
            rows.retain(|_, look| matches!(look, Look::Due { .. }));
        }
        if rows.len() < CAPACITY {
            rows.insert(row, Look::Due { at: now, before: 0 });
        }
    }

    /// Returns `true` if a row is being looked up, or was found a moment ago: whoever read it before it was changed
    /// learns of it here.
    #[must_use]
    pub fn contains(&self, row: &K) -> bool {
        self.rows().contains_key(row)
    }

    /// Returns the rows that are due.
    #[must_use]
    pub fn due(&self, now: Instant) -> Vec<K> {
        let mut rows = self.rows();
        rows.retain(|_, look| !matches!(look, Look::Found { until } if *until <= now));
        let is_due = |look: &Look| matches!(look, Look::Due { at, .. } if *at <= now);
        rows.iter().filter_map(|(row, look)| is_due(look).then_some(*row)).collect()
    }

    /// Notes that the rows that were due at `now` were looked up. Those that were found are looked up no more, and those
    /// that were looked up often enough are removed.
    pub fn looked_for(&self, looked_up: &[K], now: Instant, is_found: impl Fn(&K) -> bool) {
        let mut rows = self.rows();
        for row in looked_up {
            let before = match rows.get(row) {
                Some(Look::Due { before, .. }) => *before,
                Some(Look::Found { .. }) | None => 0,
            };
            let next = if is_found(row) {
                Some(Look::Found { until: now + REMEMBERED })
            } else {
                PAUSES.get(before).map(|pause| Look::Due { at: now + *pause, before: before + 1 })
            };
            match next {
                Some(look) => rows.insert(*row, look),
                None => rows.remove(row),
            };
        }
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<K, Look>> {
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
        assert!(looks.due(now + REMEMBERED / 2).is_empty());
        assert!(looks.contains(&7), "somebody may have read the row before");
        assert!(looks.due(now + REMEMBERED).is_empty() && !looks.contains(&7));
    }
}
