//! How much an account's word counts against a source of codes. Anyone can approve codes of their own from far away, or
//! report them, and so have an address frozen that others use. So accounts count for little that cost nothing, that
//! speak often, or that use the source themselves.

use chrono::TimeDelta;

use super::approval::Proximity;

/// The weight of one account, in quarters.
pub(super) const FULL: i16 = 4;
const LITTLE: i16 = 1;
const NOTHING: i16 = 0;

/// An account younger than this is fresh.
const FRESH: TimeDelta = TimeDelta::days(7);
/// An account that has spoken against this number of other sources within the window does so often.
const OFTEN: i64 = 2;

/// What is known of an account that speaks against a source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Witness {
    /// How long the account has existed.
    pub(super) age: TimeDelta,
    /// How near its browser is to the source now.
    pub(super) proximity: Proximity,
    /// Whether it has signed in from the network of the source.
    pub(super) is_at_home: bool,
    /// The number of other sources that it spoke against within the window.
    pub(super) other_sources: i64,
}

/// The rule: the weight of this account's word, in quarters.
pub(super) fn weight(witness: Witness) -> i16 {
    let Witness { age, proximity, is_at_home, other_sources } = witness;
    match proximity {
        // Whoever sits next to the device is no stranger's victim.
        Proximity::SameAddress | Proximity::SameNetwork => NOTHING,
        Proximity::Elsewhere | Proximity::Unknown if is_at_home => NOTHING,
        Proximity::Unknown => LITTLE,
        Proximity::Elsewhere if age < FRESH || other_sources >= OFTEN => LITTLE,
        Proximity::Elsewhere => FULL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_near_and_repeated_witnesses_count_for_little() {
        use Proximity::{Elsewhere, SameAddress, SameNetwork, Unknown};
        let old = TimeDelta::days(7);
        let fresh = old - TimeDelta::seconds(1);
        for (age, proximity, is_at_home, other_sources, expected) in [
            (old, Elsewhere, false, 0, FULL),
            (old, Elsewhere, false, 1, FULL),
            (old, Elsewhere, false, 2, LITTLE),
            (fresh, Elsewhere, false, 0, LITTLE),
            (fresh, Elsewhere, false, 9, LITTLE),
            (old, Elsewhere, true, 0, NOTHING),
            (old, SameAddress, false, 0, NOTHING),
            (old, SameNetwork, false, 0, NOTHING),
            (old, Unknown, false, 0, LITTLE),
            (old, Unknown, true, 0, NOTHING),
        ] {
            let witness = Witness { age, proximity, is_at_home, other_sources };
            assert_eq!(weight(witness), expected, "{witness:?}");
        }
    }
}
