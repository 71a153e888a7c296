//! Everything that is done many at a time, and what does it.

use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::batches::{BatchQueue, Means, OfTenant};
use super::device_authorizations::decisions::{self, DecisionQueue};
use super::device_authorizations::openings::{self, ClaimQueue, EntryQueue};
use super::device_authorizations::polls::{self, PollQueue};
use super::device_authorizations::redemptions::{self, RedemptionQueue};
use super::device_authorizations::starts::{self, StartQueue};
use super::refresh_tokens::exchanges::{self, ExchangeQueue};
use super::refresh_tokens::{self, TokenQueue};

/// While one statement of a kind is under way, another can be.
const AT_ONCE: usize = 2;

#[derive(Debug)]
pub struct Queues {
    /// Sessions that wait to be stored.
    pub starts: StartQueue,
    /// Device codes that wait to be looked up.
    pub polls: PollQueue,
    /// User codes that wait to be looked up.
    pub entries: EntryQueue,
    /// Openings of codes that wait to be stored.
    pub claims: ClaimQueue,
    /// Decisions that wait to be stored.
    pub decisions: DecisionQueue,
    /// Redemptions that wait to be stored.
    pub redemptions: RedemptionQueue,
    /// Refresh tokens that wait to be looked up.
    pub refresh_tokens: TokenQueue,
    /// Refresh tokens that wait to be exchanged.
    pub exchanges: ExchangeQueue,
}

impl Default for Queues {
    fn default() -> Self {
        Self {
            starts: starts::queue(),
            polls: polls::queue(),
            entries: openings::entries(),
            claims: openings::claims(),
            decisions: decisions::queue(),
            redemptions: redemptions::queue(),
            refresh_tokens: refresh_tokens::queue(),
            exchanges: exchanges::queue(),
        }
    }
}

/// Does what waits in one queue, until it is told to stop.
pub type Worker = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Queues {
    /// The workers that all queues need; nothing is done without them.
    #[must_use]
    pub fn workers(self: &Arc<Self>, means: &Means, stop: &CancellationToken) -> Vec<Worker> {
        let mut workers = Vec::new();
        for _ in 0..AT_ONCE {
            workers.push(self.worker(|queues| &queues.starts, means, stop));
            workers.push(self.worker(|queues| &queues.polls, means, stop));
            workers.push(self.worker(|queues| &queues.entries, means, stop));
            workers.push(self.worker(|queues| &queues.claims, means, stop));
            workers.push(self.worker(|queues| &queues.decisions, means, stop));
            workers.push(self.worker(|queues| &queues.redemptions, means, stop));
            workers.push(self.worker(|queues| &queues.refresh_tokens, means, stop));
            workers.push(self.worker(|queues| &queues.exchanges, means, stop));
        }
        workers
    }

    fn worker<I: OfTenant + Send + Sync + 'static, O: Send + 'static>(
        self: &Arc<Self>,
        queue: fn(&Self) -> &BatchQueue<I, O>,
        means: &Means,
        stop: &CancellationToken,
    ) -> Worker {
        let (queues, means, stop) = (Arc::clone(self), means.clone(), stop.clone());
        Box::pin(async move {
            loop {
                tokio::select! {
                    // Requests are answered before workers are stopped, so nothing waits any more by then.
                    biased;
                    () = queue(&queues).carry_out_next(&means) => {}
                    () = stop.cancelled() => break,
                }
            }
        })
    }
}
