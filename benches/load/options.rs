//! What can be asked of the tool.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Measures Latchkey: what a request costs its server and its database, beside the least it could cost.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench load --")]
pub(crate) struct Options {
    /// Short rounds and 20 000 waiting devices: the whole run in little more than a minute.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Only this scenario; may be repeated.
    #[arg(long, value_enum)]
    pub(crate) scenario: Vec<Scenario>,
    /// Connections that each send the next request when the last one is answered.
    #[arg(long, value_name = "N")]
    pub(crate) closed: Option<usize>,
    /// Send so many requests a second, however long answers take; latency counts from the intended time.
    #[arg(long, value_name = "R")]
    pub(crate) rate: Option<u32>,
    /// How long a round lasts.
    #[arg(long, value_name = "S")]
    pub(crate) seconds: Option<f64>,
    /// How often the two sides of a comparison take turns.
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<usize>,
    /// How many devices wait in the `waiting` scenario, or ask for tokens in each stall of `outage`.
    #[arg(long, value_name = "N")]
    pub(crate) devices: Option<usize>,
    /// Keep the servers' database on this PostgreSQL, whose user may create databases, instead of on a private
    /// cluster.
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
    /// What a process is that the tool started itself.
    #[arg(long, hide = true, value_enum)]
    pub(crate) role: Option<Role>,
    /// Where it runs; may be repeated.
    #[arg(long, hide = true, requires = "role")]
    pub(crate) core: Vec<usize>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Scenario {
    /// A device asks for codes.
    Start,
    /// The least that a durable change and a signature cost, for the goals.
    Least,
    /// A device asks again, and nobody has decided.
    PendingPoll,
    /// A device does not listen when it is told to slow down.
    EarlyPoll,
    /// A device collects its tokens.
    Redemption,
    /// A device exchanges its refresh token.
    Refresh,
    /// A resource server asks what a token is worth.
    Introspection,
    /// All of it: start, two polls, approval, redemption, refresh.
    Login,
    /// A device that waits (`Prefer: wait`) hears of its approval.
    WaitingPoll,
    /// Two servers on one database.
    Replicas,
    /// People approve at two servers, at several distances from the database.
    Approvals,
    /// Very many devices wait.
    Waiting,
    /// Only when it is named, for it takes eight minutes: the database, or another server, fails for a while.
    Outage,
}

/// The processes beside the one that measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Latchkey itself.
    Serve,
    /// The smallest server that gives the same answer to a pending poll.
    Ceiling,
    /// The same SQL with no server around it.
    Bound,
}

impl Role {
    /// Its word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Ceiling => "ceiling",
            Self::Bound => "bound",
        }
    }
}

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// Whether all of it is to take little time.
    pub(crate) is_quick: bool,
    /// How often the sides of a comparison take turns.
    pub(crate) rounds: usize,
    /// How long a round lasts.
    pub(crate) round: Duration,
    /// How many redemptions, refreshes or logins a round has at most; each needs a session made before.
    pub(crate) supply: usize,
    /// How many devices wait for pending polls.
    pub(crate) pollers: usize,
    /// How many devices wait in the `waiting` scenario.
    pub(crate) devices: usize,
    /// How many devices ask for tokens in each stall of the `outage` scenario.
    pub(crate) asking: usize,
    /// How often an approval is measured.
    pub(crate) approvals: usize,
    /// Connections, where the scenario does not need more.
    pub(crate) connections: Option<usize>,
    /// A fixed rate instead of closed loops.
    pub(crate) rate: Option<u32>,
}

impl Options {
    /// Whether the scenario was asked for.
    pub(crate) fn includes(&self, scenario: Scenario) -> bool {
        let is_asked = self.scenario.contains(&scenario);
        is_asked || (self.scenario.is_empty() && scenario != Scenario::Outage)
    }

    /// How much is measured.
    pub(crate) fn extent(&self) -> Extent {
        let (rounds, seconds, supply, pollers, devices, approvals) = if self.quick {
            (2, 1.0, 2_000, 10_000, 20_000, 100)
        } else {
            (5, 4.0, 10_000, 100_000, 1_000_000, 500)
        };
        Extent {
            is_quick: self.quick,
            rounds: self.rounds.unwrap_or(rounds).max(1),
            round: Duration::from_secs_f64(self.seconds.unwrap_or(seconds).clamp(0.1, 120.0)),
            supply,
            pollers,
            devices: self.devices.unwrap_or(devices).clamp(1_000, 1_900_000),
            asking: self.devices.unwrap_or(if self.quick { 200 } else { 1_000 }).clamp(2, 2_000),
            approvals,
            connections: self.closed.map(|connections| connections.clamp(1, 4_096)),
            rate: self.rate,
        }
    }
}
