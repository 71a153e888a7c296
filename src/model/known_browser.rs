//! A browser in which an account has signed in before. From there its owner always gets in, whatever strangers guess.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::UserId;

/// The lifetime of a mark, from the sign-in that left it: as long as browsers keep a cookie.
pub const LIFETIME: TimeDelta = TimeDelta::days(400);

/// The mark that a sign-in leaves in its browser. It opens nothing; it only has tries of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownBrowser {
    /// By what the tries of this browser are counted.
    pub id: Uuid,
    pub user: UserId,
    /// The account's generation of browsers at that time.
    pub generation: i64,
    pub since: DateTime<Utc>,
}

impl KnownBrowser {
    /// Returns `true` if the mark is one of this account and still valid: the account has neither changed its password
    /// nor signed out everywhere since, and the mark is not older than `not_before` or its lifetime.
    #[must_use]
    pub fn is_of(
        &self,
        user: UserId,
        generation: i64,
        not_before: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> bool {
        self.user == user
            && self.generation == generation
            && not_before.is_none_or(|not_before| self.since >= not_before)
            && self.since + LIFETIME > now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_ends_with_its_account_generation_instant_and_lifetime() {
        let at = |day: i64| DateTime::from_timestamp(1_800_000_000 + day * 86_400, 0).unwrap();
        let (ada, eve) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        let mark = KnownBrowser { id: Uuid::nil(), user: ada, generation: 3, since: at(0) };
        for (user, generation, not_before, now, valid) in [
            (ada, 3, None, 0, true),
            (ada, 3, Some(0), 399, true),
            (eve, 3, None, 0, false),
            (ada, 4, None, 0, false),
            (ada, 2, None, 0, false),
            (ada, 3, Some(1), 1, false),
            (ada, 3, None, 400, false),
        ] {
            let found = mark.is_of(user, generation, not_before.map(at), at(now));
            assert_eq!(found, valid, "{user} {generation} {not_before:?} {now}");
        }
    }
}
