//! A device asks again and again, and does not listen when it is told to slow down.

use std::time::Duration;

use hyper::StatusCode;

use super::pending_poll::{Polls, acquaint};
use super::{Comparison, Stage, UNHURRIED, compare, start};
use crate::Fault;
use crate::child::Server;
use crate::connection::{Answer, Form};
use crate::drive::{Pace, Work};
use crate::figures::{Cost, Reference, Round};

/// How many devices do so: few enough that each asks many times an interval.
const DEVICES: usize = 5_000;
/// The interval that they do not keep.
const INTERVAL_SECONDS: u32 = 5;

/// Each device's turn, one after the other.
struct EarlyPolls(Polls);

impl Work for EarlyPolls {
    type Subject = ();

    fn next(&mut self) -> Option<((), Form)> {
        self.0.next()
    }

    fn judge(&mut self, (): (), answer: &Answer) -> Result<(), String> {
        let body = String::from_utf8_lossy(&answer.body);
        if answer.status == StatusCode::BAD_REQUEST && body.contains("\"slow_down\"") {
            return Ok(());
        }
        Err(format!("{} {body}", answer.status))
    }
}

/// Measures early polls beside patient ones. One after the other: what a server writes of polls comes later.
pub(crate) async fn measure(stage: &mut Stage) -> Result<Comparison, Fault> {
    let pace = stage.pace(16);
    let server = stage.server(UNHURRIED)?;
    let codes = acquaint(&server, start::many(&server, DEVICES).await?).await?;
    let (patient, _) = rounds(stage, &server, pace, Polls::new(codes)).await?;
    server.stop()?;

    let before = stage.counts().await?;
    let server = stage.server(INTERVAL_SECONDS)?;
    let codes = acquaint(&server, start::many(&server, DEVICES).await?).await?;
    let (early, _) = rounds(stage, &server, pace, EarlyPolls(Polls::new(codes))).await?;
    server.stop()?;
    let polled: usize = early.iter().map(|round| round.tally.requests()).sum();
    let counted = stage.counts().await?.since(before).over(polled);

    let patient = Cost::of(&patient);
    let reference = Reference { own_us: patient.server_us, postgres_us: patient.postgres_us };
    Ok(compare(&early, reference, Cost::whole_us, counted, pace))
}

/// So many rounds after a short one that is not counted.
async fn rounds<W: Work>(
    stage: &Stage,
    server: &Server,
    pace: Pace,
    mut work: W,
) -> Result<(Vec<Round>, W), Fault> {
    let mut rounds = Vec::new();
    for number in 0..=stage.extent.rounds {
        let limit = if number == 0 { Duration::from_millis(300) } else { stage.extent.round };
        let (returned, round) = stage.round(&[server], pace, limit, work).await?;
        work = returned;
        if number > 0 {
            rounds.push(round);
        }
    }
    Ok((rounds, work))
}
