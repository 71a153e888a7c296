//! A device exchanges its refresh token, again and again.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Comparison, LOGGED, Stage, compare, redemption, start};
use crate::Fault;
use crate::connection::{Answer, Form};
use crate::device;
use crate::drive::{Pace, Work};
use crate::figures::{Cost, Reference};
use crate::roles::bound;

/// How many devices take turns.
const DEVICES: usize = 2_000;

/// Tokens to exchange; each exchange gives the next one.
#[derive(Debug)]
struct Chains {
    tokens: VecDeque<String>,
}

impl Work for Chains {
    type Subject = ();

    fn next(&mut self) -> Option<((), Form)> {
        Some(((), device::refresh(&self.tokens.pop_front()?)))
    }

    fn judge(&mut self, (): (), answer: &Answer) -> Result<(), String> {
        self.tokens.push_back(device::refresh_token(answer)?);
        Ok(())
    }
}

/// Measures refreshes with rotation beside the bound: an access token and an ID token, both ES256, and the next
/// refresh token.
pub(crate) async fn measure(stage: &mut Stage) -> Result<Comparison, Fault> {
    if stage.refresh_tokens.len() < DEVICES {
        redemption::many(stage, DEVICES - stage.refresh_tokens.len()).await?;
    }
    let mut work = Chains { tokens: stage.refresh_tokens.drain(..DEVICES).collect() };
    let before = stage.counts().await?;
    let server = stage.server(5)?;
    let pace = stage.pace(start::CONNECTIONS);
    let (Pace::Closed(tasks) | Pace::Fixed(_, tasks)) = pace;
    let (mut rounds, mut bounds, mut refreshed) = (Vec::new(), Vec::new(), 0);
    for number in 0..=stage.extent.rounds {
        let limit = if number == 0 { Duration::from_millis(300) } else { stage.extent.round };
        let (returned, round) = stage.round(&[&server], pace, limit, work).await?;
        work = returned;
        refreshed += round.tally.requests();
        if number > 0 {
            rounds.push(round);
            bounds.push(stage.bound_round(bound::Work::Refresh, usize::MAX, tasks)?);
        }
    }
    let (_, log_bytes) = stage.log_bytes(&server, work).await?;
    refreshed += LOGGED;
    server.stop()?;
    let counted = stage.counts().await?.since(before).over(refreshed);
    let comparison = compare(&rounds, Reference::of(&bounds), Cost::whole_us, counted, pace);
    Ok(Comparison { log_bytes, ..comparison })
}
