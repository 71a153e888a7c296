//! Proofs that this server has seen lately, so that most that come again are noticed without asking the database.
//!
//! A proof is kept until it would be refused for its age anyway. Proofs that end at about the same time lie
//! together, and are forgotten together: nothing is ever searched for what has expired.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use hashbrown::HashSet;

use crate::model::bearer_secret::SecretHash;

/// Requests at the same moment seldom meet at one lock.
const SHARDS: usize = 64;
/// The span of time whose proofs are forgotten together, in seconds.
const SLOT_SECONDS: i64 = 30;

/// What became of a proof that was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It was not seen before, and is remembered from now on.
    New,
    Known,
    /// It was not seen before and is not remembered: memory is full.
    Full,
}

#[derive(Debug)]
pub struct RecentProofs {
    shards: Box<[Mutex<Shard>]>,
    capacity_of_shard: usize,
}

#[derive(Debug, Default)]
struct Shard {
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    /// Of all spans of [`SLOT_SECONDS`], which.
    number: i64,
    /// Half of each hash: 128 bits are enough not to take one proof for another.
    proofs: HashSet<[u8; 16]>,
}

impl RecentProofs {
    /// A memory for so many proofs.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            capacity_of_shard: capacity.div_ceil(SHARDS),
        }
    }

    /// Remembers a proof until `expires_at`, unless it is known.
    pub fn note(&self, proof: SecretHash, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Noted {
        let mut kept = [0; 16];
        kept.copy_from_slice(&proof.0[..16]);
        let shard = &self.shards[usize::from(proof.0[16]) % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.forget_before(now);
        if shard.slots.iter().any(|slot| slot.proofs.contains(&kept)) {
            return Noted::Known;
        }
        if shard.len() >= self.capacity_of_shard {
            return Noted::Full;
        }
        shard.slot(expires_at).proofs.insert(kept);
        Noted::New
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Shard {
    fn len(&self) -> usize {
        self.slots.iter().map(|slot| slot.proofs.len()).sum()
    }

    fn forget_before(&mut self, now: DateTime<Utc>) {
        let current = number_of(now);
        while self.slots.front().is_some_and(|slot| slot.number < current) {
            self.slots.pop_front();
        }
    }

    fn slot(&mut self, expires_at: DateTime<Utc>) -> &mut Slot {
        let number = number_of(expires_at);
        let at = self.slots.partition_point(|slot| slot.number < number);
        if self.slots.get(at).is_none_or(|slot| slot.number != number) {
            self.slots.insert(at, Slot { number, proofs: HashSet::new() });
        }
        &mut self.slots[at]
    }
}

fn number_of(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(SLOT_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn proof(number: u32) -> SecretHash {
        SecretHash::of(&number.to_string())
    }

    #[test]
    fn a_proof_is_known_until_it_expires_and_then_forgotten() {
        let memory = RecentProofs::new(100_000);
        let expires_at = start() + TimeDelta::seconds(60);
        assert_eq!(memory.note(proof(1), expires_at, start()), Noted::New);
        for seconds in [0, 1, 59, 60] {
            let now = start() + TimeDelta::seconds(seconds);
            assert_eq!(memory.note(proof(1), expires_at, now), Noted::Known, "after {seconds} s");
        }
        // Whatever is noted next in its shard sweeps it out.
        for number in 2..500 {
            let now = start() + TimeDelta::seconds(120);
            memory.note(proof(number), now + TimeDelta::seconds(60), now);
        }
        assert_eq!(memory.len(), 498);
    }

    #[test]
    fn one_identifier_is_one_proof_whenever_it_says_it_was_made() {
        let memory = RecentProofs::new(1_000);
        assert_eq!(memory.note(proof(1), start() + TimeDelta::seconds(10), start()), Noted::New);
        assert_eq!(memory.note(proof(1), start() + TimeDelta::seconds(100), start()), Noted::Known);
    }

    #[test]
    fn memory_is_bounded_and_gives_room_again() {
        let memory = RecentProofs::new(640);
        let expires_at = start() + TimeDelta::seconds(60);
        let full = (0..5_000).filter(|n| memory.note(proof(*n), expires_at, start()) == Noted::Full).count();
        assert_eq!((memory.len(), full), (640, 5_000 - 640));
        let later = start() + TimeDelta::seconds(90);
        assert_eq!(memory.note(proof(5_001), later + TimeDelta::seconds(60), later), Noted::New);
    }

    #[test]
    fn a_clock_that_is_set_back_loses_nothing() {
        let memory = RecentProofs::new(1_000);
        let later = start() + TimeDelta::seconds(3_600);
        assert_eq!(memory.note(proof(1), later + TimeDelta::seconds(60), later), Noted::New);
        assert_eq!(memory.note(proof(2), start() + TimeDelta::seconds(60), start()), Noted::New);
        assert_eq!(memory.note(proof(1), later + TimeDelta::seconds(60), start()), Noted::Known);
        assert_eq!(memory.note(proof(2), start() + TimeDelta::seconds(60), start()), Noted::Known);
    }
}
