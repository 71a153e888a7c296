//! A device asks for codes.

use std::time::Duration;

use super::{Comparison, Stage, UNHURRIED, compare};
use crate::Fault;
use crate::child::Server;
use crate::connection::{Answer, Form};
use crate::device;
use crate::drive::{Pace, Work, drive};
use crate::figures::{Cost, Reference};
use crate::roles::bound;

/// Starts are stored together when they come together: this many come together.
pub(crate) const CONNECTIONS: usize = 64;

/// Starts, at most so many.
#[derive(Debug)]
struct Starts {
    left: usize,
    codes: Vec<String>,
    refusals: Refusals,
}

/// What becomes of a start that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusals {
    /// It is a wrong answer, and that is all.
    AreLost,
    /// The device tries again.
    AreRepeated,
}

impl Work for Starts {
    type Subject = ();

    fn next(&mut self) -> Option<((), Form)> {
        self.left = self.left.checked_sub(1)?;
        Some(((), device::start()))
    }

    fn judge(&mut self, (): (), answer: &Answer) -> Result<(), String> {
        let code = device::device_code(answer).inspect_err(|_| {
            if self.refusals == Refusals::AreRepeated {
                self.left += 1;
            }
        })?;
        self.codes.push(code);
        Ok(())
    }
}

/// Measures starts beside the bound.
pub(crate) async fn measure(stage: &mut Stage) -> Result<Comparison, Fault> {
    let pace = stage.pace(CONNECTIONS);
    let (Pace::Closed(tasks) | Pace::Fixed(_, tasks)) = pace;
    let before = stage.counts().await?;
    let server = stage.server(UNHURRIED)?;
    let warm_up = many(&server, 1_000).await?;
    let mut started = warm_up.len();
    stage.codes.extend(warm_up);
    let (mut rounds, mut bounds) = (Vec::new(), Vec::new());
    for _ in 0..stage.extent.rounds {
        let work = Starts { left: usize::MAX, codes: Vec::new(), refusals: Refusals::AreLost };
        let (work, round) = stage.round(&[&server], pace, stage.extent.round, work).await?;
        started += work.codes.len();
        stage.codes.extend(work.codes);
        rounds.push(round);
        bounds.push(stage.bound_round(bound::Work::Start, usize::MAX, tasks)?);
    }
    let work = Starts { left: usize::MAX, codes: Vec::new(), refusals: Refusals::AreLost };
    let (work, log_bytes) = stage.log_bytes(&server, work).await?;
    started += work.codes.len();
    stage.codes.extend(work.codes);
    server.stop()?;
    let counted = stage.counts().await?.since(before).over(started);
    let comparison = compare(&rounds, Reference::of(&bounds), Cost::whole_us, counted, pace);
    Ok(Comparison { log_bytes, ..comparison })
}

/// Starts so many sessions, as fast as it goes; their device codes.
pub(crate) async fn many(server: &Server, count: usize) -> Result<Vec<String>, Fault> {
    all(server, count, Pace::Closed(2 * CONNECTIONS)).await
}

/// Starts so many sessions, each with another of the server's connections to its database until all had their turn.
pub(crate) async fn one_by_one(server: &Server, count: usize) -> Result<Vec<String>, Fault> {
    all(server, count, Pace::Closed(1)).await
}

async fn all(server: &Server, count: usize, pace: Pace) -> Result<Vec<String>, Fault> {
    let work = Starts { left: count, codes: Vec::with_capacity(count), refusals: Refusals::AreRepeated };
    let (work, tally) = drive(&[server.address], pace, Duration::from_mins(8), work).await?;
    super::complain(&tally.failures);
    if work.codes.len() < count {
        return Err(format!("only {} of {count} sessions could be started", work.codes.len()).into());
    }
    Ok(work.codes)
}
