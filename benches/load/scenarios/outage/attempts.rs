//! Attempts that are made at regular times, however long those before take: starts, refreshes, approvals, and the question
//! whether the server is ready.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use hyper::{Request, StatusCode};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Fault;
use crate::connection::Connection;
use crate::device;
use crate::household::Household;
use crate::refusal::{Refusal, must_be};

/// How long a device or browser waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deed {
    /// A device asks for codes.
    Start,
    /// A device exchanges its refresh token.
    Refresh,
    /// A person approves.
    Approval,
    /// Somebody asks whether the server is ready.
    Ready,
}

/// An attempt that is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) deed: Deed,
    pub(super) sent: Instant,
    pub(super) answered: Instant,
    pub(super) is_done: bool,
}

/// With what a deed is done.
enum Means {
    Nothing,
    Token(String),
    Code(Box<Household>, String),
}

/// Attempts at one server.
pub(super) struct Attempts {
    server: SocketAddr,
    tokens: VecDeque<String>,
    codes: VecDeque<(Box<Household>, String)>,
    under_way: JoinSet<(Attempt, Option<Means>, Option<String>)>,
    /// Those that are over.
    pub(super) made: Vec<Attempt>,
    /// What was refused for good, and how often: somebody has lost something.
    pub(super) lost: BTreeMap<String, usize>,
}

impl Attempts {
    /// With these refresh tokens, and people who have entered these codes.
    pub(super) fn new(server: SocketAddr, tokens: Vec<String>, codes: Vec<(Household, String)>) -> Self {
        let codes = codes.into_iter().map(|(household, code)| (Box::new(household), code)).collect();
        let (under_way, made, lost) = (JoinSet::new(), Vec::new(), BTreeMap::new());
        Self { server, tokens: tokens.into(), codes, under_way, made, lost }
    }

    /// Makes an attempt of each of these deeds every so often, until `is_over` says so of what was made.
    pub(super) async fn make(
        &mut self,
        deeds: &[Deed],
        every: Duration,
        mut is_over: impl FnMut(&[Attempt]) -> bool,
    ) -> Result<(), Fault> {
        let mut ticks = tokio::time::interval(every);
        while !is_over(&self.made) {
            tokio::select! {
                _ = ticks.tick() => deeds.iter().for_each(|deed| self.attempt(*deed)),
                Some(over) = self.under_way.join_next() => self.take(over?),
            }
        }
        Ok(())
    }

    /// Waits for what is under way.
    pub(super) async fn finish(&mut self) -> Result<(), Fault> {
        while let Some(over) = self.under_way.join_next().await {
            self.take(over?);
        }
        Ok(())
    }

    fn attempt(&mut self, deed: Deed) {
        // What an attempt under way needs cannot be used by another.
        let means = match deed {
            Deed::Start | Deed::Ready => Some(Means::Nothing),
            Deed::Refresh => self.tokens.pop_front().map(Means::Token),
            Deed::Approval => self.codes.pop_front().map(|(household, code)| Means::Code(household, code)),
        };
        let Some(means) = means else { return };
        let server = self.server;
        self.under_way.spawn(async move {
            let sent = Instant::now();
            let (outcome, means) = carry_out(server, deed, means).await;
            let is_done = outcome.is_ok();
            let lost = match outcome {
                Err(Refusal::Final(words)) => Some(words),
                Ok(()) | Err(Refusal::Later { .. }) => None,
            };
            (Attempt { deed, sent, answered: Instant::now(), is_done }, means, lost)
        });
    }

    fn take(&mut self, (attempt, means, lost): (Attempt, Option<Means>, Option<String>)) {
        self.made.push(attempt);
        if let Some(words) = lost {
            *self.lost.entry(format!("{:?}: {words}", attempt.deed)).or_default() += 1;
            return;
        }
        match means {
            Some(Means::Token(token)) => self.tokens.push_back(token),
            Some(Means::Code(household, code)) => self.codes.push_back((household, code)),
            Some(Means::Nothing) | None => {}
        }
    }
}

/// What came of it, and with what the next one is done.
async fn carry_out(server: SocketAddr, deed: Deed, means: Means) -> (Result<(), Refusal>, Option<Means>) {
    match means {
        Means::Nothing => {
            let asked = if deed == Deed::Ready { ready(server).await } else { start(server).await };
            (asked, None)
        }
        Means::Token(token) => match refresh(server, &token).await {
            Ok(next) => (Ok(()), Some(Means::Token(next))),
            Err(refusal) => (Err(refusal), Some(Means::Token(token))),
        },
        Means::Code(mut household, code) => {
            let approved = in_time(household.approve(&code)).await;
            let means = approved.is_err().then_some(Means::Code(household, code));
            (approved, means)
        }
    }
}

async fn ready(server: SocketAddr) -> Result<(), Refusal> {
    in_time(async {
        let mut connection = Connection::open(server).await.map_err(|error| Refusal::cut(&error))?;
        let answer = connection.ask(Request::get("/health/ready"), Bytes::new()).await;
        must_be(StatusCode::OK, &answer.map_err(|error| Refusal::cut(&error))?)
    })
    .await
}

async fn start(server: SocketAddr) -> Result<(), Refusal> {
    in_time(async {
        let mut connection = Connection::open(server).await.map_err(|error| Refusal::cut(&error))?;
        let answer = connection.send(&device::start()).await.map_err(|error| Refusal::cut(&error))?;
        device::device_code(&answer).map(drop).map_err(|_| Refusal::of(&answer))
    })
    .await
}

async fn refresh(server: SocketAddr, token: &str) -> Result<String, Refusal> {
    tokens(server, &device::refresh(token)).await
}

/// Asks for tokens; the refresh token among them.
pub(super) async fn tokens(server: SocketAddr, form: &crate::connection::Form) -> Result<String, Refusal> {
    in_time(async {
        let mut connection = Connection::open(server).await.map_err(|error| Refusal::cut(&error))?;
        let answer = connection.send(form).await.map_err(|error| Refusal::cut(&error))?;
        device::refresh_token(&answer).map_err(|_| Refusal::of(&answer))
    })
    .await
}

/// Whoever has waited for so long asks again.
async fn in_time<T>(asking: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(Refusal::cut(&"no answer".into())))
}
