//! What becomes of a refresh token that is presented (RFC 6749 §6, RFC 9700 §4.14.2).
//!
//! A device has one row with the newest generation that was issued. The rule gives each caller who presents the newest
//! one the next, and each who presents the one before the same next one again: a lost answer, or programs of one device
//! that refresh at a time. So at most one generation can be exchanged, however many ask.

use chrono::{DateTime, TimeDelta, Utc};

/// How far a token may be ahead of its row: after a restore, or a failover that lost the last seconds, the database is
/// behind what was issued, and nobody but the server can have issued it.
pub const MOST_LOST_GENERATIONS: i64 = 100;
/// Repeats from another network that are allowed in [`FOREIGN_WINDOW`] without proof; the next one is theft.
pub const MOST_FOREIGN_REPEATS: i16 = 3;
/// The time in which [`MOST_FOREIGN_REPEATS`] are allowed.
pub const FOREIGN_WINDOW: TimeDelta = TimeDelta::hours(24);
/// Repeats in this many generations in a row are unusual.
pub const UNUSUAL_ROW: i16 = 5;

/// What is stored of a device's refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The newest generation that was issued.
    pub generation: i64,
    pub exchanged_at: DateTime<Utc>,
    /// The answer that carried it is known to be lost.
    pub unanswered: bool,
    /// The repeats from another network in the current window.
    pub foreign_repeats: i16,
    pub foreign_repeats_since: Option<DateTime<Utc>>,
}

/// A refresh token as it is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    pub generation: i64,
    /// The caller proves that it is the installation that the token was issued to.
    pub proven: bool,
    /// The caller's network is not the one that the newest generation was issued to.
    pub foreign: bool,
    pub arrived_at: DateTime<Utc>,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Exchange {
        /// The row is behind the token: the database lost what had been issued.
        restored: bool,
    },
    /// The same successor is issued again.
    Repeat {
        /// Without proof, and from another network.
        foreign: bool,
    },
    /// Someone has a copy of the token. The device ends.
    Theft,
    /// Further ahead of its row than any loss explains, or overtaken too often on its way. The device is not affected.
    Unknown,
}

/// The rule. `window`: how long after an exchange it may be repeated without proof.
#[must_use]
pub fn judge(presented: &Presented, stored: &Stored, window: TimeDelta) -> Verdict {
    // A request that arrived before the newest generation was issued is judged by the one before.
    let overtaken = presented.arrived_at < stored.exchanged_at;
    match presented.generation.saturating_sub(stored.generation) {
        0 => Verdict::Exchange { restored: false },
        1..=MOST_LOST_GENERATIONS => Verdict::Exchange { restored: true },
        -2 if overtaken && presented.proven => Verdict::Repeat { foreign: false },
        -1 if presented.proven => Verdict::Repeat { foreign: false },
        -2 if !overtaken => Verdict::Theft,
        -2 | -1 if stored.unanswered || presented.at - stored.exchanged_at <= window => {
            match (presented.foreign, stored.foreign_repeats_at(presented.at) < MOST_FOREIGN_REPEATS) {
                (true, false) => Verdict::Theft,
                (foreign, _) => Verdict::Repeat { foreign },
            }
        }
        // Others were faster several times while it was in flight. That is no proof of theft.
        ..0 if overtaken => Verdict::Unknown,
        ..0 => Verdict::Theft,
        _ => Verdict::Unknown,
    }
}

impl Stored {
    /// The repeats from another network that still count.
    #[must_use]
    pub fn foreign_repeats_at(&self, now: DateTime<Utc>) -> i16 {
        let counts = self.foreign_repeats_since.is_some_and(|since| now - since < FOREIGN_WINDOW);
        if counts { self.foreign_repeats } else { 0 }
    }
}

#[cfg(test)]
mod exploration;

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: TimeDelta = TimeDelta::seconds(60);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn stored() -> Stored {
        Stored {
            generation: 10,
            exchanged_at: at(0),
            unanswered: false,
            foreign_repeats: 0,
            foreign_repeats_since: None,
        }
    }

    fn presented(generation: i64, seconds: i64) -> Presented {
        Presented { generation, proven: false, foreign: false, arrived_at: at(seconds), at: at(seconds) }
    }

    #[test]
    fn the_generation_decides() {
        let year = 31_536_000;
        for (generation, seconds, expected) in [
            (10, 0, Verdict::Exchange { restored: false }),
            (10, year, Verdict::Exchange { restored: false }),
            (9, 0, Verdict::Repeat { foreign: false }),
            (9, 60, Verdict::Repeat { foreign: false }),
            (9, 61, Verdict::Theft),
            (8, 0, Verdict::Theft),
            (1, 0, Verdict::Theft),
            (11, year, Verdict::Exchange { restored: true }),
            (110, 0, Verdict::Exchange { restored: true }),
            (111, 0, Verdict::Unknown),
            (i64::MAX, 0, Verdict::Unknown),
        ] {
            assert_eq!(judge(&presented(generation, seconds), &stored(), WINDOW), expected, "{generation}");
        }
    }

    #[test]
    fn a_proof_or_a_known_loss_extends_the_window() {
        let late = presented(9, 1_000_000);
        let repeat = Verdict::Repeat { foreign: false };
        assert_eq!(judge(&late, &stored(), WINDOW), Verdict::Theft);
        assert_eq!(judge(&Presented { proven: true, ..late }, &stored(), WINDOW), repeat);
        assert_eq!(judge(&late, &Stored { unanswered: true, ..stored() }, WINDOW), repeat);
        let older = Presented { proven: true, ..presented(8, 0) };
        assert_eq!(judge(&older, &Stored { unanswered: true, ..stored() }, WINDOW), Verdict::Theft);
        assert_eq!(judge(&presented(9, 1), &stored(), TimeDelta::zero()), Verdict::Theft);
        assert_eq!(judge(&presented(9, 0), &stored(), TimeDelta::zero()), repeat);
    }

    #[test]
    fn a_request_is_judged_by_what_was_the_newest_when_it_arrived() {
        let racer = Presented { arrived_at: at(-1), ..presented(8, 0) };
        let repeat = Verdict::Repeat { foreign: false };
        assert_eq!(judge(&racer, &stored(), WINDOW), repeat);
        assert_eq!(judge(&Presented { proven: true, ..racer }, &stored(), WINDOW), repeat);
        assert_eq!(judge(&Presented { arrived_at: at(0), ..racer }, &stored(), WINDOW), Verdict::Theft);
        assert_eq!(judge(&Presented { generation: 7, ..racer }, &stored(), WINDOW), Verdict::Unknown);
        assert_eq!(judge(&Presented { at: at(61), ..racer }, &stored(), WINDOW), Verdict::Unknown);
    }

    #[test]
    fn three_repeats_from_other_networks_a_day_are_allowed_without_proof() {
        let foreign = Presented { foreign: true, ..presented(9, 10) };
        let with = |foreign_repeats, since| Stored {
            foreign_repeats,
            foreign_repeats_since: Some(at(since)),
            ..stored()
        };
        assert_eq!(judge(&foreign, &stored(), WINDOW), Verdict::Repeat { foreign: true });
        assert_eq!(judge(&foreign, &with(2, 0), WINDOW), Verdict::Repeat { foreign: true });
        assert_eq!(judge(&foreign, &with(3, 0), WINDOW), Verdict::Theft);
        assert_eq!(judge(&foreign, &with(3, 10 - 86_400), WINDOW), Verdict::Repeat { foreign: true });
        assert_eq!(judge(&foreign, &with(3, 11 - 86_400), WINDOW), Verdict::Theft);
        let home = Presented { foreign: false, ..foreign };
        assert_eq!(judge(&home, &with(3, 0), WINDOW), Verdict::Repeat { foreign: false });
        let proven = Presented { proven: true, ..foreign };
        assert_eq!(judge(&proven, &with(3, 0), WINDOW), Verdict::Repeat { foreign: false });
    }
}
