//! What has happened since it was last written, counted in memory: each event is one addition.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Mutex, MutexGuard};

use crate::model::activity::Figures;
use crate::model::ids::TenantId;

/// What has happened at one tenant.
#[derive(Debug, Default)]
pub struct Tally {
    starts: AtomicU64,
    approvals: AtomicU64,
    denials: AtomicU64,
    polls: AtomicU64,
    early_polls: AtomicU64,
}

impl Tally {
    /// A device asked for a code.
    pub fn start(&self) {
        self.starts.fetch_add(1, Ordering::Relaxed);
    }

    pub fn approval(&self) {
        self.approvals.fetch_add(1, Ordering::Relaxed);
    }

    /// So many waiting codes were refused.
    pub fn denials(&self, count: u64) {
        self.denials.fetch_add(count, Ordering::Relaxed);
    }

    /// A device asked for the tokens of a code that waits.
    pub fn poll(&self) {
        self.polls.fetch_add(1, Ordering::Relaxed);
    }

    /// A poll was answered `slow_down`.
    pub fn early_poll(&self) {
        self.early_polls.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> Figures {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Figures {
            starts: take(&self.starts),
            approvals: take(&self.approvals),
            denials: take(&self.denials),
            // The database alone knows when time has passed.
            expiries: 0,
            polls: take(&self.polls),
            early_polls: take(&self.early_polls),
        }
    }

    fn put_back(&self, figures: Figures) {
        let put = |count: &AtomicU64, more| count.fetch_add(more, Ordering::Relaxed);
        put(&self.starts, figures.starts);
        put(&self.approvals, figures.approvals);
        put(&self.denials, figures.denials);
        put(&self.polls, figures.polls);
        put(&self.early_polls, figures.early_polls);
    }
}

/// The tallies of all tenants that this server has seen: a few dozen bytes for each, whatever happens there.
#[derive(Debug, Default)]
pub struct Tallies {
    known: RwLock<HashMap<TenantId, Arc<Tally>>>,
    writing: Mutex<()>,
}

impl Tallies {
    pub fn of(&self, tenant: TenantId) -> Arc<Tally> {
        if let Some(tally) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&tenant) {
            return Arc::clone(tally);
        }
        Arc::clone(self.known.write().unwrap_or_else(PoisonError::into_inner).entry(tenant).or_default())
    }

    /// To be held from taking until it is written: whoever writes next has all that happened before written.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// What has happened since this was last asked, wherever anything has.
    #[must_use]
    pub fn take(&self) -> Vec<(TenantId, Figures)> {
        let tallies = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let taken = tallies.iter().map(|(tenant, tally)| (*tenant, tally.take()));
        taken.filter(|(_, figures)| !figures.is_nothing()).collect()
    }

    /// Puts back what could not be written: it is written with what comes next.
    pub fn put_back(&self, taken: &[(TenantId, Figures)]) {
        for (tenant, figures) in taken {
            self.of(*tenant).put_back(*figures);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tenant::DEFAULT_TENANT;

    #[test]
    fn what_is_taken_is_taken_once_and_what_is_put_back_is_taken_again() {
        let tallies = Tallies::default();
        let tally = tallies.of(DEFAULT_TENANT);
        assert!(tallies.take().is_empty());
        tally.start();
        tally.poll();
        tally.poll();
        tally.early_poll();
        tally.approval();
        tally.denials(3);
        let all = Figures { starts: 1, approvals: 1, denials: 3, expiries: 0, polls: 2, early_polls: 1 };
        let taken = tallies.take();
        assert_eq!(taken, [(DEFAULT_TENANT, all)]);
        assert!(tallies.take().is_empty());
        tally.poll();
        tallies.put_back(&taken);
        assert_eq!(tallies.take(), [(DEFAULT_TENANT, Figures { polls: 3, ..all })]);
    }
}
