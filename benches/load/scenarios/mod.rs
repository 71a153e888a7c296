//! What is measured, one file each.

pub(crate) mod approvals;
pub(crate) mod early_poll;
pub(crate) mod introspection;
pub(crate) mod least;
pub(crate) mod login;
pub(crate) mod outage;
pub(crate) mod pending_poll;
pub(crate) mod redemption;
pub(crate) mod refresh;
pub(crate) mod replicas;
pub(crate) mod start;
pub(crate) mod waiting;
pub(crate) mod waiting_poll;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::Fault;
use crate::child::{Process, Server};
use crate::database::counters::{self, Counts, Method, PerRequest};
use crate::database::{Databases, seed};
use crate::drive::{Once, Pace, Work, drive};
use crate::figures::{Cost, Reference, Round, median};
use crate::options::{Extent, Role};
use crate::roles::bound::{self, Bound, BoundInstructions};
use crate::roles::serve::ServeInstructions;

/// The interval of sessions that are polled as fast as it goes: with one second no poll is ever too early, for the
/// tolerance for jitter is as long.
pub(crate) const UNHURRIED: u32 = 1;

/// How many requests are made to find out how much log one writes.
pub(crate) const LOGGED: usize = 31;

/// What scenarios share: the databases, and what an earlier one leaves to a later one.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The databases.
    pub(crate) databases: Databases,
    /// How statements are counted.
    pub(crate) method: Method,
    /// How much is measured.
    pub(crate) extent: Extent,
    /// Device codes of waiting sessions.
    pub(crate) codes: VecDeque<String>,
    /// Refresh tokens that can be exchanged.
    pub(crate) refresh_tokens: VecDeque<String>,
}

/// The cost of a request beside the least it could cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    /// What it costs.
    pub(crate) cost: Cost,
    /// What the reference costs.
    pub(crate) reference: Reference,
    /// The reference's cost as a share of ours.
    pub(crate) ratio: f64,
    /// Statements for each request.
    pub(crate) sql: f64,
    /// Rows written for each request.
    pub(crate) rows: f64,
    /// Bytes of write-ahead log for each request, where they were measured.
    pub(crate) log_bytes: Option<f64>,
    /// Connections.
    pub(crate) connections: usize,
    /// Wrong answers.
    pub(crate) failed: usize,
}

impl Stage {
    /// Starts a server on the run's database.
    pub(crate) fn server(&self, poll_interval_seconds: u32) -> Result<Server, Fault> {
        let database_url = self.databases.served.url.clone();
        let instructions = ServeInstructions {
            database_url,
            poll_interval_seconds,
            max_connections: None,
            is_in_trouble: false,
        };
        Server::start(Role::Serve, &instructions)
    }

    /// The pace that was asked for, or closed loops over so many connections.
    pub(crate) fn pace(&self, connections: usize) -> Pace {
        let connections = self.extent.connections.unwrap_or(connections);
        match self.extent.rate {
            Some(rate) => Pace::Fixed(rate, connections),
            None => Pace::Closed(connections),
        }
    }

    /// One round: what the load saw, and what it cost the servers and the database.
    pub(crate) async fn round<W: Work>(
        &self,
        servers: &[&Server],
        pace: Pace,
        limit: Duration,
        work: W,
    ) -> Result<(W, Round), Fault> {
        let addresses: Vec<_> = servers.iter().map(|server| server.address).collect();
        let before: Vec<_> = servers.iter().map(|server| server.cpu()).collect();
        let postgres = self.databases.cpu();
        let (work, tally) = drive(&addresses, pace, limit, work).await?;
        let postgres_us =
            self.databases.cpu().zip(postgres).map(|(after, before)| after.micros_since(before));
        let used = servers.iter().zip(before).map(|(server, before)| server.cpu().micros_since(before));
        complain(&tally.failures);
        Ok((work, Round { tally, server_us: used.sum(), postgres_us }))
    }

    /// The bytes of write-ahead log that one request writes, one at a time: the median, for the pages have been written
    /// since the last checkpoint and most requests write no whole page. `None` on a cluster that is not the tool's own.
    pub(crate) async fn log_bytes<W: Work>(
        &self,
        server: &Server,
        mut work: W,
    ) -> Result<(W, Option<f64>), Fault> {
        if !self.databases.is_private() {
            return Ok((work, None));
        }
        let mut bytes = Vec::new();
        for _ in 0..LOGGED {
            let before = self.databases.log_position().await?;
            let once = Once { work, is_due: true };
            let (once, tally) =
                drive(&[server.address], Pace::Closed(1), Duration::from_mins(1), once).await?;
            complain(&tally.failures);
            work = once.work;
            #[expect(clippy::cast_precision_loss, reason = "some hundred bytes")]
            bytes.push((self.databases.log_position().await? - before) as f64);
        }
        Ok((work, Some(median(bytes))))
    }

    /// One round of the database bound.
    pub(crate) fn bound_round(
        &self,
        work: bound::Work,
        operations: usize,
        tasks: usize,
    ) -> Result<Bound, Fault> {
        let instructions = BoundInstructions {
            work,
            database_url: self.databases.bound.url.clone(),
            operations,
            limit: self.extent.round,
            tasks,
            postmaster: self.databases.postmaster(),
        };
        Process::start(Role::Bound, &instructions)?.hear()
    }

    /// Statements and rows up to now. No server may run.
    pub(crate) async fn counts(&self) -> Result<Counts, Fault> {
        counters::read(&self.databases.served.pool, self.method).await
    }

    /// The same while a server runs that has nothing to do.
    pub(crate) async fn counts_beside(&mut self, server: &Server) -> Result<Counts, Fault> {
        // What its connections did is known once each was used again, a second later.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let codes = start::one_by_one(server, 64).await?;
        self.codes.extend(codes);
        counters::now(&self.databases.served.pool, self.method).await
    }

    /// Device codes of so many sessions that wait.
    pub(crate) async fn waiting_codes(&mut self, count: usize) -> Result<Vec<String>, Fault> {
        if self.codes.len() < count {
            let server = self.server(UNHURRIED)?;
            let made = start::many(&server, count - self.codes.len()).await?;
            self.codes.extend(made);
            server.stop()?;
        }
        Ok(self.codes.drain(..count).collect())
    }

    /// Device codes of so many sessions that were approved.
    pub(crate) async fn approved_codes(&mut self, count: usize) -> Result<VecDeque<String>, Fault> {
        let codes = self.waiting_codes(count).await?;
        let ids = seed::authorizations(&codes)?;
        seed::approve(&self.databases.served.pool, &ids).await?;
        Ok(codes.into())
    }
}

/// Puts the rounds of both sides together.
pub(crate) fn compare(
    rounds: &[Round],
    reference: Reference,
    ours_us: impl FnOnce(&Cost) -> f64,
    counted: PerRequest,
    pace: Pace,
) -> Comparison {
    let cost = Cost::of(rounds);
    let (Pace::Closed(connections) | Pace::Fixed(_, connections)) = pace;
    Comparison {
        ratio: reference.whole_us() / ours_us(&cost),
        cost,
        reference,
        sql: counted.statements,
        rows: counted.rows,
        log_bytes: None,
        connections,
        failed: rounds.iter().map(|round| round.tally.failed()).sum(),
    }
}

/// Wrong answers are told at once: figures with many of them mean nothing.
fn complain(failures: &BTreeMap<String, usize>) {
    for (words, count) in failures.iter().take(5) {
        eprintln!("  {count} wrong answers: {words}");
    }
}
