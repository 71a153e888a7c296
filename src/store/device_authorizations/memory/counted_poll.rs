//! What was counted of the last poll, to recognize the same poll with another way of authentication.
//!
//! Some libraries find out which way a server takes by trying the header, and the body a moment later, on every poll
//! that is not answered with tokens.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use hashbrown::HashMap;

use crate::model::client_authentication::CredentialPlace;
use crate::model::ids::DeviceAuthorizationId;

/// How soon after a counted poll the same poll may follow.
const REPEAT_WITHIN: TimeDelta = TimeDelta::seconds(2);
/// The most polls that are remembered outside of sessions.
const CAPACITY: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedPoll {
    /// Where its client showed what it authenticates with.
    pub place: CredentialPlace,
    pub answer: PollAnswer,
}

/// The answer to a poll that says nothing new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollAnswer {
    Pending,
    SlowDown,
}

impl CountedPoll {
    /// The rule: a poll within 2 seconds that authenticates in another place is the same one, sent again, and gets the
    /// same answer. It is neither early nor counted, and allowed once.
    #[must_use]
    pub fn repeated_by(self, place: CredentialPlace, since: TimeDelta) -> Option<PollAnswer> {
        let is_same = place != self.place && (TimeDelta::zero()..=REPEAT_WITHIN).contains(&since);
        is_same.then_some(self.answer)
    }
}

/// Polls of sessions that are not in memory, or not to be trusted there.
#[derive(Debug, Default)]
pub struct CountedPolls(Mutex<HashMap<DeviceAuthorizationId, (CountedPoll, DateTime<Utc>)>>);

impl CountedPolls {
    /// Notes a poll that was counted.
    pub fn note(&self, id: DeviceAuthorizationId, poll: CountedPoll, now: DateTime<Utc>) {
        let mut polls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if polls.len() >= CAPACITY {
            polls.retain(|_, (_, at)| (TimeDelta::zero()..=REPEAT_WITHIN).contains(&(now - *at)));
            if polls.len() >= CAPACITY {
                polls.clear();
            }
        }
        polls.insert(id, (poll, now));
    }

    /// Returns the answer to the counted poll that this one repeats, if it does. It is forgotten with that.
    pub fn take_repeated(
        &self,
        id: &DeviceAuthorizationId,
        place: CredentialPlace,
        now: DateTime<Utc>,
    ) -> Option<PollAnswer> {
        let mut polls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (poll, at) = polls.get(id)?;
        let answer = poll.repeated_by(place, now - *at)?;
        polls.remove(id);
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_poll_with_another_way_of_authentication_gets_the_same_answer_once() {
        use CredentialPlace::{Assertion, Body, Header};
        use PollAnswer::{Pending, SlowDown};
        for (first, answer, second, milliseconds, expected) in [
            (Header, Pending, Body, 0, Some(Pending)),
            (Header, Pending, Body, 2_000, Some(Pending)),
            (Header, Pending, Body, 2_001, None),
            (Header, Pending, Header, 100, None),
            (Body, Pending, Header, 100, Some(Pending)),
            (Assertion, Pending, Body, 100, Some(Pending)),
            (Body, Pending, Body, 100, None),
            (Header, SlowDown, Body, 100, Some(SlowDown)),
            // A clock that goes back.
            (Header, Pending, Body, -1, None),
        ] {
            let poll = CountedPoll { place: first, answer };
            let repeated = poll.repeated_by(second, TimeDelta::milliseconds(milliseconds));
            assert_eq!(repeated, expected, "{poll:?} {second:?} {milliseconds}");
        }
    }

    #[test]
    fn a_repeated_poll_is_forgotten_and_there_is_room_for_no_more_than_there_is() {
        let (polls, now) = (CountedPolls::default(), DateTime::UNIX_EPOCH);
        let poll = CountedPoll { place: CredentialPlace::Header, answer: PollAnswer::Pending };
        let code = DeviceAuthorizationId(uuid::Uuid::nil());
        polls.note(code, poll, now);
        assert_eq!(polls.take_repeated(&code, CredentialPlace::Body, now), Some(PollAnswer::Pending));
        assert_eq!(polls.take_repeated(&code, CredentialPlace::Body, now), None);
        for number in 0..=CAPACITY {
            polls.note(DeviceAuthorizationId(uuid::Uuid::from_u128(number as u128)), poll, now);
        }
        assert!(polls.0.lock().unwrap().len() <= CAPACITY);
    }
}
