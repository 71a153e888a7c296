//! Who may try a password or a code, and when: the rules by which wrong guesses slow down guessing and nothing else.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::attempt_budget::TooManyAttemptsError;
use super::ids::BrowserSessionId;

/// Wrong passwords and codes in a row after which an account takes its password from known browsers only
/// (NIST SP 800-63B-4 §3.2.2).
pub const MAX_CONSECUTIVE_FAILURES: i32 = 100;
/// How long after its first page a browser may use the tries that an address keeps for patient ones.
pub const PATIENCE: TimeDelta = TimeDelta::seconds(10);

/// A browser that somebody signs in with, before it is known whether the account knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// By what its tries are counted.
    pub id: Uuid,
    /// When it saw its first page of ours.
    pub since: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trier {
    /// The account is signed in there now: it has tries of its own.
    SignedIn(BrowserSessionId),
    /// The account has signed in there before: it has tries of its own.
    Known(Uuid),
    Unknown(Visit),
}

impl Trier {
    /// Returns `true` if the account takes its password from there, after so many wrong ones in a row.
    #[must_use]
    pub const fn may_sign_in(self, failures: i32) -> bool {
        !matches!(self, Self::Unknown(_)) || failures < MAX_CONSECUTIVE_FAILURES
    }
}

/// Which tries of an address an unknown browser uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Those that whoever comes first may use.
    Open,
    /// Those that are kept for patient browsers, so that a visitor who guesses does not shut their neighbors out.
    Patient,
}

/// The rule for an unknown browser. `own` are its tries, `open` and `patient` those of its address: each is there or
/// how long it takes. `age` is how long ago the browser saw its first page.
///
/// A visitor who keeps their cookies soon has no tries of their own; one who drops them is never patient. Either way a
/// colleague on a new browser is served as soon as they have waited for [`PATIENCE`].
///
/// # Errors
/// There is no try left; with how long until there is one.
pub fn lane(
    own: Result<(), TooManyAttemptsError>,
    open: Result<(), TooManyAttemptsError>,
    patient: Result<(), TooManyAttemptsError>,
    age: TimeDelta,
) -> Result<Lane, TooManyAttemptsError> {
    own?;
    let Err(open) = open else { return Ok(Lane::Open) };
    let wait = (PATIENCE - age).max(TimeDelta::zero());
    let wait = patient.map_or_else(|exhausted| exhausted.retry_after.max(wait), |()| wait);
    if wait > TimeDelta::zero() {
        return Err(TooManyAttemptsError { retry_after: wait.min(open.retry_after) });
    }
    Ok(Lane::Patient)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(seconds: i64) -> Result<(), TooManyAttemptsError> {
        if seconds == 0 {
            Ok(())
        } else {
            Err(TooManyAttemptsError { retry_after: TimeDelta::seconds(seconds) })
        }
    }

    #[test]
    fn an_unknown_browser_uses_open_tries_first_then_patient_ones() {
        let served = [Ok(Lane::Open), Ok(Lane::Patient)];
        let wait = |seconds| Err(TooManyAttemptsError { retry_after: TimeDelta::seconds(seconds) });
        for (own, open, patient, age, expected) in [
            (0, 0, 0, 0, served[0]),
            (0, 0, 99, 0, served[0]),
            // Somebody else has used the open ones.
            (0, 60, 0, 0, wait(10)),
            (0, 60, 0, 9, wait(1)),
            (0, 60, 0, 10, served[1]),
            (0, 60, 0, 4_000, served[1]),
            // The open ones come back first.
            (0, 3, 0, 0, wait(3)),
            // The patient ones are used up as well.
            (0, 60, 20, 10, wait(20)),
            (0, 60, 20, 0, wait(20)),
            (0, 60, 90, 10, wait(60)),
            // A browser that has guessed gets nothing more anywhere.
            (300, 0, 0, 10, wait(300)),
            (300, 60, 0, 4_000, wait(300)),
        ] {
            let found = lane(left(own), left(open), left(patient), TimeDelta::seconds(age));
            assert_eq!(found, expected, "{own} {open} {patient} {age}");
        }
    }

    #[test]
    fn after_a_hundred_wrong_ones_only_known_browsers_may_sign_in() {
        let visit = Visit { id: Uuid::nil(), since: DateTime::from_timestamp(0, 0).unwrap() };
        for (failures, unknown) in [(0, true), (99, true), (100, false), (101, false)] {
            assert_eq!(Trier::Unknown(visit).may_sign_in(failures), unknown, "{failures}");
            assert!(Trier::Known(Uuid::nil()).may_sign_in(failures), "{failures}");
        }
    }
}
