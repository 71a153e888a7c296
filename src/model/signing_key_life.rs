//! The life of a signing key, and when it takes its next step.
//!
//! ```text
//!  announced ───────────► signing ───────────► retired ───────────► removed
//!      │   known to all      │   its successor    │   the last token    ▲
//!      │   who verify        │   takes over       │   has expired       │
//!      └─────────────────────┴────────────────────┴─────────────────────┘
//!                         an operator removes it at once
//! ```
//!
//! Published are announced, signing and retired keys. The private half is destroyed when a key stops signing.

use chrono::{DateTime, TimeDelta, Utc};

use super::signing_key::SigningAlgorithm;

/// How long others may keep the published keys before they ask again, in seconds.
pub const KEY_SET_MAX_AGE_SECONDS: u32 = 600;

/// The least time that a key is published before it signs: whoever verifies has asked for the keys at least twice
/// by then (OpenID Connect Core §10.1.1).
pub const LEAST_ANNOUNCEMENT: TimeDelta = TimeDelta::hours(1);
const _: () = assert!(2 * KEY_SET_MAX_AGE_SECONDS as i64 <= LEAST_ANNOUNCEMENT.num_seconds());

/// The longest that any setting lets an access or ID token live, in seconds. What the setting was when a key
/// signed its last token, nobody remembers.
pub const LONGEST_TOKEN_LIFETIME_SECONDS: u32 = 3600;

/// How far the clock of somebody who verifies may be behind.
const SKEW: TimeDelta = TimeDelta::minutes(5);
/// How long a server that missed an announcement may go on signing with the old key, amply.
const LATE_SERVER: TimeDelta = TimeDelta::minutes(5);

/// How long a key stays published after it has retired: until the last token it signed is dead everywhere.
#[must_use]
pub fn retirement() -> TimeDelta {
    TimeDelta::seconds(i64::from(LONGEST_TOKEN_LIFETIME_SECONDS)) + SKEW + LATE_SERVER
}

/// Where in its life a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, so that it is known before it signs.
    Announced,
    Signing,
    /// It does not sign any more; what it signed is still good.
    Retired,
    /// It is not published any more, and what it signed is void.
    Removed,
}

impl KeyState {
    const ALL: [Self; 4] = [Self::Announced, Self::Signing, Self::Retired, Self::Removed];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Signing => "signing",
            Self::Retired => "retired",
            Self::Removed => "removed",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What is known of a key beside its halves.
#[derive(Clone, Debug)]
pub struct KeyLife {
    pub kid: String,
    pub algorithm: SigningAlgorithm,
    /// Where in its life it is.
    pub state: KeyState,
    /// When it was made and published.
    pub created_at: DateTime<Utc>,
    /// Since when it signs or signed.
    pub signing_since: Option<DateTime<Utc>>,
    pub retired_at: Option<DateTime<Utc>>,
    pub removed_at: Option<DateTime<Utc>>,
}

impl KeyLife {
    /// Since when it is in its state.
    #[must_use]
    pub fn since(&self) -> DateTime<Utc> {
        self.removed_at.or(self.retired_at).or(self.signing_since).unwrap_or(self.created_at)
    }
}

/// A step that a key takes by itself, when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// An announced key starts to sign, and the one that signed retires.
    TakeOver,
    /// A signing key gets a successor, which is announced.
    Succession,
    Removal,
}

impl Step {
    pub const ALL: [Self; 3] = [Self::TakeOver, Self::Succession, Self::Removal];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TakeOver => "take_over",
            Self::Succession => "succession",
            Self::Removal => "removal",
        }
    }

    /// The state that this step leads out of.
    #[must_use]
    pub const fn leaves(self) -> KeyState {
        match self {
            Self::TakeOver => KeyState::Announced,
            Self::Succession => KeyState::Signing,
            Self::Removal => KeyState::Retired,
        }
    }
}

/// What becomes of a key next, the keys beside it considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prospect {
    Step(Step),
    /// It retires, since its successor is announced and takes over then.
    Retirement,
}

impl Prospect {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Step(step) => step.as_str(),
            Self::Retirement => "retirement",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How long a key signs before its successor does; `None`: until an operator rotates it.
    pub rotation: Option<TimeDelta>,
    /// How long a key is published before it signs.
    pub announcement: TimeDelta,
}

impl Schedule {
    /// How long a key is in the state that `step` leads out of; `None`: for good.
    #[must_use]
    pub fn time_before(&self, step: Step) -> Option<TimeDelta> {
        match step {
            Step::TakeOver => Some(self.announcement.max(LEAST_ANNOUNCEMENT)),
            Step::Succession => self.rotation.map(|rotation| rotation - self.announcement),
            Step::Removal => Some(retirement()),
        }
    }

    /// Returns what becomes of the key next, and when; `None` if nothing does by itself. `keys` are the tenant's, among
    /// which its successor may be announced.
    #[must_use]
    pub fn prospect(&self, key: &KeyLife, keys: &[KeyLife]) -> Option<(Prospect, DateTime<Utc>)> {
        let is_successor =
            |other: &&KeyLife| other.algorithm == key.algorithm && other.state == KeyState::Announced;
        match keys.iter().find(is_successor).filter(|_| key.state == KeyState::Signing) {
            Some(successor) => self.next(successor).map(|(_, at)| (Prospect::Retirement, at)),
            None => self.next(key).map(|(step, at)| (Prospect::Step(step), at)),
        }
    }

    /// The key's next step, and when it is due, whatever other keys there are.
    fn next(&self, key: &KeyLife) -> Option<(Step, DateTime<Utc>)> {
        let step = Step::ALL.into_iter().find(|step| step.leaves() == key.state)?;
        Some((step, key.since() + self.time_before(step)?))
    }

    /// The step that the key should have taken by `now`.
    #[must_use]
    pub fn due(&self, key: &KeyLife, now: DateTime<Utc>) -> Option<Step> {
        self.next(key).filter(|(_, at)| *at <= now).map(|(step, _)| step)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    const QUARTERLY: Schedule =
        Schedule { rotation: Some(TimeDelta::days(90)), announcement: TimeDelta::hours(24) };

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    /// A key that entered its state at [`start`].
    fn key(state: KeyState) -> KeyLife {
        let reached = KeyState::ALL.iter().position(|other| *other == state).unwrap();
        let at = |step: usize| match step.cmp(&reached) {
            Ordering::Less => Some(start() - TimeDelta::days(200)),
            Ordering::Equal => Some(start()),
            Ordering::Greater => None,
        };
        KeyLife {
            kid: "k".to_owned(),
            algorithm: SigningAlgorithm::Es256,
            state,
            created_at: at(0).unwrap(),
            signing_since: at(1),
            retired_at: at(2),
            removed_at: at(3),
        }
    }

    #[test]
    fn each_state_ends_with_its_step_and_not_a_second_before() {
        for (state, step, after) in [
            (KeyState::Announced, Step::TakeOver, TimeDelta::hours(24)),
            (KeyState::Signing, Step::Succession, TimeDelta::days(89)),
            (KeyState::Retired, Step::Removal, TimeDelta::minutes(70)),
        ] {
            let key = key(state);
            assert_eq!(key.since(), start(), "{state:?}");
            assert_eq!(QUARTERLY.next(&key), Some((step, start() + after)), "{state:?}");
            assert_eq!(QUARTERLY.due(&key, start() + after - TimeDelta::seconds(1)), None, "{state:?}");
            assert_eq!(QUARTERLY.due(&key, start() + after), Some(step), "{state:?}");
            assert_eq!(QUARTERLY.due(&key, start() + TimeDelta::days(900)), Some(step), "{state:?}");
            // A clock that was set back hurries nothing.
            assert_eq!(QUARTERLY.due(&key, start() - TimeDelta::days(1)), None, "{state:?}");
        }
        assert_eq!(QUARTERLY.next(&key(KeyState::Removed)), None);
    }

    #[test]
    fn a_key_whose_successor_is_announced_retires_when_that_one_takes_over() {
        let (signing, mut successor) = (key(KeyState::Signing), key(KeyState::Announced));
        let succession = Some((Prospect::Step(Step::Succession), start() + TimeDelta::days(89)));
        assert_eq!(QUARTERLY.prospect(&signing, std::slice::from_ref(&signing)), succession);
        successor.created_at = start() + TimeDelta::days(3);
        let both = [signing.clone(), successor.clone()];
        let taken_over = start() + TimeDelta::days(4);
        assert_eq!(QUARTERLY.prospect(&signing, &both), Some((Prospect::Retirement, taken_over)));
        assert_eq!(QUARTERLY.prospect(&successor, &both), Some((Prospect::Step(Step::TakeOver), taken_over)));
        // Also where keys are rotated by hand only; another algorithm's successor is none.
        let by_hand = Schedule { rotation: None, ..QUARTERLY };
        assert_eq!(by_hand.prospect(&signing, &both), Some((Prospect::Retirement, taken_over)));
        successor.algorithm = SigningAlgorithm::EdDsa;
        assert_eq!(QUARTERLY.prospect(&signing, &[signing.clone(), successor]), succession);
    }

    #[test]
    fn a_key_signs_as_long_as_the_rotation_says() {
        let announced = start() + QUARTERLY.time_before(Step::Succession).unwrap();
        assert_eq!(announced + QUARTERLY.time_before(Step::TakeOver).unwrap(), start() + TimeDelta::days(90));
    }

    #[test]
    fn without_a_rotation_a_key_signs_for_good_and_a_successor_still_takes_over() {
        let by_hand = Schedule { rotation: None, ..QUARTERLY };
        assert_eq!(by_hand.next(&key(KeyState::Signing)), None);
        assert!(by_hand.due(&key(KeyState::Announced), start() + TimeDelta::hours(24)).is_some());
        assert!(by_hand.due(&key(KeyState::Retired), start() + TimeDelta::hours(24)).is_some());
    }

    #[test]
    fn no_setting_makes_an_announcement_too_short_to_be_seen() {
        for hours in [-1, 0, 1] {
            let hasty = Schedule { announcement: TimeDelta::hours(hours), ..QUARTERLY };
            let least = start() + TimeDelta::hours(1);
            assert_eq!(hasty.next(&key(KeyState::Announced)), Some((Step::TakeOver, least)), "{hours}");
        }
    }

    #[test]
    fn a_retired_key_outlasts_every_token_it_signed() {
        let longest = TimeDelta::seconds(i64::from(LONGEST_TOKEN_LIFETIME_SECONDS));
        assert!(retirement() >= longest + TimeDelta::minutes(5));
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        for state in KeyState::ALL {
            assert_eq!(KeyState::parse(state.as_str()), Some(state));
        }
        assert_eq!(KeyState::parse("Signing"), None);
    }
}
