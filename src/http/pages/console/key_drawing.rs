//! The life of signing keys as a picture: one bar for each key, all on the same scale of time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::signing_key_life::{KeyLife, KeyState, Schedule};

/// The width of the picture, in its own units.
pub(super) const WIDTH: i64 = 1000;
/// The least width of a part, so that a short one can be seen.
const LEAST: i64 = 3;

/// A part of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it begins, from 0 to [`WIDTH`].
    pub(super) x: i64,
    /// How long it is.
    pub(super) width: i64,
    /// What the key is during it.
    pub(super) state: KeyState,
    /// Whether it is still to come.
    pub(super) planned: bool,
}

/// The span of time that a picture shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl Scale {
    /// From the first key's beginning until a while after now, or after the last step that is planned.
    pub(super) fn of(keys: &[KeyLife], schedule: &Schedule, now: DateTime<Utc>) -> Self {
        let start = keys.iter().map(|key| key.created_at).fold(now, Ord::min);
        let planned = keys.iter().filter_map(|key| schedule.prospect(key, keys)).map(|(_, at)| at);
        let end = planned.fold(now, Ord::max).max(start + TimeDelta::hours(1));
        Self { start, end: end + (end - start) / 20 }
    }

    /// Where an instant is.
    pub(super) fn place(&self, at: DateTime<Utc>) -> i64 {
        let whole = (self.end - self.start).num_seconds().max(1);
        ((at - self.start).num_seconds() * WIDTH / whole).clamp(0, WIDTH)
    }
}

/// The parts of a key's bar, as it lies among the tenant's keys.
pub(super) fn parts(
    key: &KeyLife,
    keys: &[KeyLife],
    schedule: &Schedule,
    now: DateTime<Utc>,
    scale: &Scale,
) -> Vec<Part> {
    let states = [
        (KeyState::Announced, Some(key.created_at)),
        (KeyState::Signing, key.signing_since),
        (KeyState::Retired, key.retired_at),
    ];
    let begun: Vec<_> = states.into_iter().filter_map(|(state, at)| Some((state, at?))).collect();
    let mut parts = Vec::new();
    for (index, (state, from)) in begun.iter().enumerate() {
        let until = begun.get(index + 1).map(|(_, at)| *at).or(key.removed_at).unwrap_or(now);
        parts.push(part(*state, *from, until, scale, false));
    }
    if let Some((_, at)) = schedule.prospect(key, keys).filter(|(_, at)| *at > now) {
        parts.push(part(key.state, now, at, scale, true));
    }
    parts
}

fn part(state: KeyState, from: DateTime<Utc>, until: DateTime<Utc>, scale: &Scale, planned: bool) -> Part {
    let x = scale.place(from).min(WIDTH - LEAST);
    Part { x, width: (scale.place(until) - x).max(LEAST), state, planned }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::signing_key::SigningAlgorithm;

    #[test]
    fn a_bar_shows_what_was_is_and_comes() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let schedule = Schedule { rotation: Some(TimeDelta::days(90)), announcement: TimeDelta::days(1) };
        let key = KeyLife {
            kid: "k".to_owned(),
            algorithm: SigningAlgorithm::Es256,
            state: KeyState::Signing,
            created_at: start,
            signing_since: Some(start + TimeDelta::days(1)),
            retired_at: None,
            removed_at: None,
        };
        let now = start + TimeDelta::days(45);
        let scale = Scale::of(std::slice::from_ref(&key), &schedule, now);
        let parts = parts(&key, std::slice::from_ref(&key), &schedule, now, &scale);
        let kinds: Vec<_> = parts.iter().map(|part| (part.state, part.planned)).collect();
        assert_eq!(
            kinds,
            [(KeyState::Announced, false), (KeyState::Signing, false), (KeyState::Signing, true)]
        );
        assert_eq!(parts[1].x + parts[1].width, scale.place(now));
        assert!(parts.iter().all(|part| part.x >= 0 && part.x + part.width <= WIDTH && part.width >= LEAST));
        assert_eq!(parts[2].x + parts[2].width, WIDTH * 20 / 21);
    }

    #[test]
    fn keys_of_a_moment_ago_have_a_bar_too() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let schedule = Schedule { rotation: None, announcement: TimeDelta::days(1) };
        let scale = Scale::of(&[], &schedule, now);
        assert_eq!((scale.place(now), scale.place(now + TimeDelta::days(9))), (0, WIDTH));
    }
}
