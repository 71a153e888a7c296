//! Step 3, the rule: which account may open a code. One account has it at a time, and a holder that went away loses it:
//! whoever sees a code first must not be able to keep its owner out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::device_authorization::{MAX_OPENINGS, Phase};
use crate::model::ids::UserId;
use crate::store::device_authorizations::openings::{Holder, Opening};

/// How long a code stays with an account without a request of its holder.
const CLAIM: TimeDelta = TimeDelta::minutes(2);

/// What becomes of an attempt to open a live code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Open,
    /// Another account has it open, for this long at least.
    Held {
        left: TimeDelta,
    },
    /// It is not waiting any more.
    Unavailable,
    /// Opened too many times, so the code is being shared: deny it.
    Kill,
}

impl Verdict {
    /// The word in the audit log.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Held { .. } => "Held",
            Self::Unavailable => "Unavailable",
            Self::Kill => "Kill",
        }
    }
}

/// The rule: one account at a time, and only so often.
pub(super) fn judge(opening: &Opening, user: UserId, now: DateTime<Utc>) -> Verdict {
    let is_waiting = matches!(opening.request.session.phase(now), Phase::Pending);
    if is_waiting { may_open(opening.held_by, opening.opened_count, user, now) } else { Verdict::Unavailable }
}

fn may_open(held_by: Option<Holder>, opened_count: i32, user: UserId, now: DateTime<Utc>) -> Verdict {
    if let Some(left) = held_by.and_then(|holder| left_of_claim(holder, user, now)) {
        Verdict::Held { left }
    } else if opened_count >= MAX_OPENINGS {
        Verdict::Kill
    } else {
        Verdict::Open
    }
}

/// How long this claim still keeps `user` out; `None` if it does not.
pub(in crate::domain) fn left_of_claim(
    holder: Holder,
    user: UserId,
    now: DateTime<Utc>,
) -> Option<TimeDelta> {
    let left = holder.last_request_at + CLAIM - now;
    (holder.user != user && left > TimeDelta::zero()).then_some(left)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_code_stays_with_its_holder_until_two_minutes_without_a_request() {
        let (ada, bob) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let ago = |seconds| Some(Holder { user: ada, last_request_at: now - TimeDelta::seconds(seconds) });
        let held = |seconds| Verdict::Held { left: TimeDelta::seconds(seconds) };
        for (holder, opened, user, expected) in [
            (None, 0, bob, Verdict::Open),
            (None, 4, bob, Verdict::Open),
            (None, 5, bob, Verdict::Kill),
            (ago(0), 1, ada, Verdict::Open),
            (ago(500), 1, ada, Verdict::Open),
            (ago(0), 5, ada, Verdict::Kill),
            (ago(0), 1, bob, held(120)),
            (ago(119), 1, bob, held(1)),
            (ago(119), 5, bob, held(1)),
            (ago(120), 1, bob, Verdict::Open),
            (ago(120), 5, bob, Verdict::Kill),
        ] {
            assert_eq!(may_open(holder, opened, user, now), expected, "{holder:?} {opened} {user}");
        }
    }
}
