//! A device collects its tokens.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Comparison, LOGGED, Stage, compare, start};
use crate::Fault;
use crate::child::Server;
use crate::connection::{Answer, Form};
use crate::database::seed;
use crate::device;
use crate::drive::{Pace, Work, drive};
use crate::figures::{Cost, Reference};
use crate::roles::bound;

/// Codes to redeem, and what came of it.
#[derive(Debug, Default)]
struct Redemptions {
    codes: VecDeque<String>,
    refresh_tokens: Vec<String>,
}

impl Work for Redemptions {
    type Subject = ();

    fn next(&mut self) -> Option<((), Form)> {
        Some(((), device::poll(&self.codes.pop_front()?)))
    }

    fn judge(&mut self, (): (), answer: &Answer) -> Result<(), String> {
        self.refresh_tokens.push(device::refresh_token(answer)?);
        Ok(())
    }
}

/// Measures redemptions beside the bound: an access token and an ID token, both ES256, and a refresh token. As in life,
/// the server that hands out the tokens remembers the session, and has heard that somebody approved it.
pub(crate) async fn measure(stage: &mut Stage) -> Result<Comparison, Fault> {
    let (supply, count) = (stage.extent.supply, stage.extent.rounds);
    let server = stage.server(5)?;
    let started = start::many(&server, supply * count + supply / 10 + LOGGED).await?;
    let ids = seed::authorizations(&started)?;
    seed::approve(&stage.databases.served.pool, &ids).await?;
    let mut codes = VecDeque::from(started);
    let before = stage.counts_beside(&server).await?;
    let pace = stage.pace(start::CONNECTIONS);
    let (Pace::Closed(tasks) | Pace::Fixed(_, tasks)) = pace;
    let (mut rounds, mut bounds, mut redeemed) = (Vec::new(), Vec::new(), 0);
    for number in 0..=count {
        let share = if number == 0 { supply / 10 } else { supply };
        let work = Redemptions { codes: codes.drain(..share).collect(), ..Redemptions::default() };
        let (work, round) = stage.round(&[&server], pace, Duration::from_mins(1), work).await?;
        redeemed += round.tally.requests();
        stage.refresh_tokens.extend(work.refresh_tokens);
        if number > 0 {
            rounds.push(round);
            bounds.push(stage.bound_round(bound::Work::Redemption, supply, tasks)?);
        }
    }
    let work = Redemptions { codes, ..Redemptions::default() };
    let (work, log_bytes) = stage.log_bytes(&server, work).await?;
    redeemed += work.refresh_tokens.len();
    stage.refresh_tokens.extend(work.refresh_tokens);
    server.stop()?;
    let counted = stage.counts().await?.since(before).over(redeemed);
    let comparison = compare(&rounds, Reference::of(&bounds), Cost::whole_us, counted, pace);
    Ok(Comparison { log_bytes, ..comparison })
}

/// Redeems so many sessions, for what comes after.
pub(crate) async fn many(stage: &mut Stage, count: usize) -> Result<(), Fault> {
    let codes = stage.approved_codes(count).await?;
    let server = stage.server(5)?;
    stage.refresh_tokens.extend(collect(&server, codes).await?);
    server.stop()
}

/// Redeems these codes, and returns the refresh tokens.
pub(crate) async fn collect(server: &Server, codes: VecDeque<String>) -> Result<Vec<String>, Fault> {
    let work = Redemptions { codes, ..Redemptions::default() };
    let (work, tally) = drive(&[server.address], Pace::Closed(16), Duration::from_mins(5), work).await?;
    super::complain(&tally.failures);
    Ok(work.refresh_tokens)
}
