//! Attempts that cost nothing and still have to be refunded: right ones, and those that were answered 503. No one waits
//! for the refund. A further attempt at this server carries along what was not written yet, so that it does not count.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Notify;

use crate::model::ids::TenantId;
use crate::store::attempt_budgets::{GivenBack, Hold};

/// The maximum number written in one statement, counted per guard.
const MOST_AT_ONCE: usize = 192;
/// The maximum number stored while the database is away. Further ones lapse on their own.
const MOST: usize = 16_384;
/// How long they are tried: after this many quiet minutes most guards have reset on their own.
const KEPT: TimeDelta = TimeDelta::minutes(10);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    pub tenant: TenantId,
    guard: String,
    subject: String,
    hold: uuid::Uuid,
    ends_row: bool,
    since: DateTime<Utc>,
}

/// What this server has to refund.
#[derive(Debug, Default)]
pub struct Settlements {
    waiting: Mutex<Vec<Settlement>>,
    news: Notify,
}

impl Settlements {
    /// Adds an attempt, and the rows of wrong ones that it ends.
    pub fn add(&self, hold: &Hold, rows: &[(&'static str, String)]) {
        let settle = |guard: &str, subject: &str, ends_row| Settlement {
            tenant: hold.tenant,
            guard: guard.to_owned(),
            subject: subject.to_owned(),
            hold: hold.id,
            ends_row,
            since: hold.at,
        };
        let is_row = |guard: &str| rows.iter().any(|(name, _)| *name == guard);
        let mut waiting = self.lock();
        waiting.extend(hold.guards.each().map(|(guard, subject)| settle(guard, subject, is_row(guard))));
        let excess = waiting.len().saturating_sub(MOST);
        waiting.drain(..excess);
        drop(waiting);
        self.news.notify_one();
    }

    /// Those of the same accounts, addresses and browsers.
    pub fn beside(&self, hold: &Hold) -> GivenBack {
        let waiting = self.lock();
        let is_same = |settlement: &&Settlement| {
            settlement.tenant == hold.tenant
                && hold.guards.each().any(|asked| asked == (&settlement.guard, &settlement.subject))
        };
        given_back(waiting.iter().filter(is_same).take(MOST_AT_ONCE))
    }

    pub fn are_written(&self, tenant: TenantId, back: &GivenBack) {
        if back.is_empty() {
            return;
        }
        self.lock().retain(|settlement| {
            settlement.tenant != tenant
                || !back.contains(&settlement.guard, &settlement.subject, settlement.hold)
        });
    }

    /// Returns `true` if everything is refunded.
    #[must_use]
    pub fn are_done(&self) -> bool {
        self.lock().is_empty()
    }

    /// Waits until there is something to refund.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Those that wait longest, as many as one statement takes; what is older than [`KEPT`] lapses.
    pub fn oldest(&self, now: DateTime<Utc>) -> Vec<Settlement> {
        let mut waiting = self.lock();
        waiting.retain(|settlement| now - settlement.since < KEPT);
        waiting.iter().take(MOST_AT_ONCE).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Settlement>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is refunded by these.
pub fn given_back<'a>(settlements: impl IntoIterator<Item = &'a Settlement>) -> GivenBack {
    let mut back = GivenBack::default();
    for Settlement { guard, subject, hold, ends_row, .. } in settlements {
        back.add(guard, subject, *hold, *ends_row);
    }
    back
}
