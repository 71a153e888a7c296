//! Two servers on one database: do polls scale, and is anything issued twice?

use std::collections::HashMap;
use std::time::Duration;

use super::pending_poll::{Polls, acquaint};
use super::{Stage, UNHURRIED};
use crate::Fault;
use crate::connection::{Answer, Form};
use crate::device;
use crate::drive::{Pace, Work};
use crate::figures::Cost;

/// How many codes are redeemed in a race, and how often each.
const RACES: usize = 500;
const RUNNERS: usize = 4;
/// How long a server may take to hear of an approval.
const UNTIL_HEARD: Duration = Duration::from_secs(1);

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replicas {
    /// How many times the polls of one server two servers answer, each with a core of its own.
    pub(crate) poll_scale: f64,
    /// Microseconds of one server for a poll, alone and as one of two.
    pub(crate) alone_us: f64,
    /// The same as one of two.
    pub(crate) together_us: f64,
    /// Codes that were redeemed in a race over both.
    pub(crate) races: usize,
    /// Codes that gave tokens more than once.
    pub(crate) twice: usize,
    /// Codes that gave none.
    pub(crate) never: usize,
}

/// Each code several times in a row, over both servers at once.
#[derive(Debug)]
struct Race {
    forms: Vec<(usize, Form)>,
    won: HashMap<usize, usize>,
}

impl Work for Race {
    type Subject = usize;

    fn next(&mut self) -> Option<(usize, Form)> {
        self.forms.pop()
    }

    fn judge(&mut self, code: usize, answer: &Answer) -> Result<(), String> {
        if device::refresh_token(answer).is_ok() {
            *self.won.entry(code).or_default() += 1;
        }
        Ok(())
    }
}

/// Measures what a poll costs one server alone and one of two. On two cores, of which the load needs one, two
/// servers cannot have a core each; they share one, and the processor time of a poll says how they would scale: a
/// poll that costs the same among two as alone leaves room for twice as many.
pub(crate) async fn measure(stage: &mut Stage) -> Result<Replicas, Fault> {
    let codes = stage.waiting_codes(stage.extent.pollers / 5).await?;
    let (first, second) = (stage.server(UNHURRIED)?, stage.server(UNHURRIED)?);
    let codes = acquaint(&first, codes).await?;
    let mut work = Polls::new(acquaint(&second, codes).await?);
    let pace = stage.pace(16);
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for _ in 0..stage.extent.rounds {
        let (returned, round) = stage.round(&[&first], pace, stage.extent.round, work).await?;
        alone.push(round);
        let (returned, round) = stage.round(&[&first, &second], pace, stage.extent.round, returned).await?;
        together.push(round);
        work = returned;
    }
    stage.codes.extend(work.into_codes());
    let approved = stage.approved_codes(RACES).await?;
    // A server that has not heard of it yet would say, rightly, that nobody has decided.
    tokio::time::sleep(UNTIL_HEARD).await;
    let forms = approved
        .iter()
        .enumerate()
        .flat_map(|(number, code)| std::iter::repeat_n((number, device::poll(code)), RUNNERS))
        .collect();
    let race = Race { forms, won: HashMap::new() };
    let limit = Duration::from_mins(1);
    let (race, _) = stage.round(&[&first, &second], Pace::Closed(2 * RUNNERS), limit, race).await?;
    first.stop()?;
    second.stop()?;
    let twice = race.won.values().filter(|times| **times > 1).count();
    let never = RACES - race.won.len();
    let (alone_us, together_us) = (Cost::of(&alone).server_us, Cost::of(&together).server_us);
    let poll_scale = 2.0 * alone_us / together_us;
    Ok(Replicas { poll_scale, alone_us, together_us, races: RACES, twice, never })
}
