//! What durable changes and signatures cost at the least: what the goals of a start, a redemption and a refresh are told
//! by.

use super::{Stage, start};
use crate::Fault;
use crate::figures::{Reference, median};
use crate::roles::bound;

/// What each costs, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Least {
    /// A row of 200 bytes inserted by a `UUIDv7` key.
    pub(crate) insert: Reference,
    /// A change of such a row by its key that writes no index.
    pub(crate) update: Reference,
    /// An ES256 signature of a token of the usual size.
    pub(crate) signature_us: f64,
}

/// Measures all three in turn.
pub(crate) fn measure(stage: &Stage) -> Result<Least, Fault> {
    let (mut inserts, mut updates, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..stage.extent.rounds {
        inserts.push(stage.bound_round(bound::Work::LeastInsert, usize::MAX, start::CONNECTIONS)?);
        updates.push(stage.bound_round(bound::Work::LeastUpdate, usize::MAX, start::CONNECTIONS)?);
        signatures.push(stage.bound_round(bound::Work::Signature, 20_000, 1)?.client_us);
    }
    Ok(Least {
        insert: Reference::of(&inserts),
        update: Reference::of(&updates),
        signature_us: median(signatures),
    })
}
