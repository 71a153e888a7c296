//! The key sets that clients publish, as last fetched.
//!
//! A set is remembered for ten minutes. A key that is not in it, or whose set is older, has the set fetched again, at
//! most once a minute whatever comes, so that no one can have this server hammer another one. While the set cannot be
//! fetched, a remembered one stays good for an hour; after it, and for keys that it may have gained, no one can say
//! whether the client is who it says.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use hashbrown::HashMap;
use tokio::sync::Mutex as AsyncMutex;
use url::Url;

use crate::model::key_set::KeySet;
use crate::model::signing_key::SigningAlgorithm;

/// How many fetches of clients' keys one server has under way at a time.
pub const CONCURRENT_FETCHES: u8 = 8;

/// How long a published set is taken for the present one.
const FRESH: TimeDelta = TimeDelta::minutes(10);
/// How long it stands in while the present one cannot be had.
const USABLE: TimeDelta = TimeDelta::hours(1);
/// The least time between two attempts to get one set.
const FLOOR: TimeDelta = TimeDelta::minutes(1);
/// The maximum number of cached sets; far above any real deployment.
const CAPACITY: usize = 10_000;

#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The name the signature gives it, if it gives one.
    pub kid: Option<&'a str>,
    pub algorithm: SigningAlgorithm,
}

/// The key sets that clients publish, as last seen.
#[derive(Debug, Default)]
pub struct PublishedKeys(Mutex<HashMap<Url, Arc<AsyncMutex<Published>>>>);

/// One of them. Whoever holds its lock asks for it; all others wait for what comes.
#[derive(Debug, Default)]
pub struct Published {
    /// The set, and when it was fetched.
    pub seen: Option<(DateTime<Utc>, Arc<KeySet>)>,
    asked_at: Option<DateTime<Utc>>,
    last_failed: bool,
}

/// What to do about a key that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ask,
    /// The remembered set has the say.
    Known,
    Unreachable,
}

impl PublishedKeys {
    /// The remembered set of this URI; locked, it is fetched by whoever holds the lock.
    pub fn at(&self, uri: &Url) -> Arc<AsyncMutex<Published>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CAPACITY && !all.contains_key(uri) {
            all.clear();
        }
        Arc::clone(all.entry(uri.clone()).or_default())
    }
}

impl Published {
    /// What to do about the wanted key.
    #[must_use]
    pub fn judge(&self, wanted: Wanted<'_>, now: DateTime<Utc>) -> Verdict {
        // Clocks may go back; then nothing is older than it can be.
        let within = |instant: DateTime<Utc>, span: TimeDelta| (now - instant).abs() < span;
        let (fresh, usable) = self.seen.as_ref().map_or((false, false), |(at, set)| {
            let has_it = set.candidates(wanted.kid, wanted.algorithm).next().is_some();
            (has_it && within(*at, FRESH), has_it && within(*at, USABLE))
        });
        let asked_lately = self.asked_at.is_some_and(|at| within(at, FLOOR));
        match (fresh, asked_lately) {
            (true, _) => Verdict::Known,
            (false, false) => Verdict::Ask,
            (false, true) if usable || !self.last_failed => Verdict::Known,
            (false, true) => Verdict::Unreachable,
        }
    }

    /// Remembers a fetched set, or with `None` that it could not be fetched.
    pub fn learn(&mut self, set: Option<KeySet>, now: DateTime<Utc>) {
        self.asked_at = Some(now);
        self.last_failed = set.is_none();
        if let Some(set) = set {
            self.seen = Some((now, Arc::new(set)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::signing_key::NewKeyPair;

    const OLD: Wanted<'_> = Wanted { kid: Some("old"), algorithm: SigningAlgorithm::EdDsa };
    const NEW: Wanted<'_> = Wanted { kid: Some("new"), algorithm: SigningAlgorithm::EdDsa };

    fn set(kids: &[&str]) -> Option<KeySet> {
        let keys = kids.iter().map(|kid| {
            let mut jwk = NewKeyPair::generate(SigningAlgorithm::EdDsa).unwrap().public_jwk;
            jwk["kid"] = json!(kid);
            jwk
        });
        KeySet::read(json!({"keys": keys.collect::<Vec<_>>()}).to_string().as_bytes())
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_known_key_is_asked_for_again_after_ten_minutes() {
        let mut published = Published::default();
        assert_eq!(published.judge(OLD, at(0)), Verdict::Ask);
        published.learn(set(&["old"]), at(0));
        assert_eq!(published.judge(OLD, at(599)), Verdict::Known);
        assert_eq!(published.judge(OLD, at(600)), Verdict::Ask);
    }

    #[test]
    fn an_unknown_key_is_asked_for_once_a_minute() {
        let mut published = Published::default();
        published.learn(set(&["old"]), at(0));
        assert_eq!(published.judge(NEW, at(59)), Verdict::Known);
        assert_eq!(published.judge(NEW, at(60)), Verdict::Ask);
        published.learn(set(&["old"]), at(60));
        assert_eq!(published.judge(NEW, at(119)), Verdict::Known);
        assert_eq!(published.judge(NEW, at(120)), Verdict::Ask);
    }

    #[test]
    fn while_a_set_cannot_be_had_nothing_final_is_said_of_keys_it_may_have() {
        let mut published = Published::default();
        published.learn(None, at(0));
        assert_eq!(published.judge(OLD, at(59)), Verdict::Unreachable);
        assert_eq!(published.judge(OLD, at(60)), Verdict::Ask);
        published.learn(set(&["old"]), at(60));
        published.learn(None, at(700));
        assert_eq!(published.judge(OLD, at(701)), Verdict::Known);
        assert_eq!(published.judge(NEW, at(701)), Verdict::Unreachable);
    }

    #[test]
    fn a_remembered_set_stands_in_for_an_hour() {
        let mut published = Published::default();
        published.learn(set(&["old"]), at(0));
        published.learn(None, at(3599));
        assert_eq!(published.judge(OLD, at(3599)), Verdict::Known);
        assert_eq!(published.judge(OLD, at(3600)), Verdict::Unreachable);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_keep_old_keys_alive() {
        let mut published = Published::default();
        published.learn(set(&["old"]), at(10_000));
        assert_eq!(published.judge(OLD, at(0)), Verdict::Ask);
    }

    #[test]
    fn no_more_sets_are_remembered_than_there_is_room_for() {
        let published = PublishedKeys::default();
        for number in 0..=CAPACITY {
            published.at(&format!("https://keys.example.org/{number}").parse().unwrap());
        }
        assert_eq!(published.0.lock().unwrap().len(), 1);
    }
}
