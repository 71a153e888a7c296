//! The polls that wait for a decision on this server, counted.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;

use crate::config::Sessions;
use crate::store::device_authorizations::memory::Owner;

/// How many polls wait now, in all, for each client and from each address.
#[derive(Debug)]
pub struct WaitingPolls {
    limit: usize,
    limit_of_client: usize,
    limit_of_address: usize,
    waiting: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<Arc<Owner>, usize>,
    by_address: HashMap<IpNet, usize>,
}

impl WaitingPolls {
    /// None wait yet, and no more than `limit` ever will.
    #[must_use]
    pub fn new(settings: &Sessions, limit: usize) -> Self {
        Self {
            limit,
            limit_of_client: settings.max_waiting_polls_per_client,
            limit_of_address: settings.max_waiting_polls_per_address,
            waiting: Mutex::default(),
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a place to wait in for a poll of `owner` from `address`; `false` if all are taken.
    #[must_use]
    pub fn enter(&self, owner: &Arc<Owner>, address: IpNet) -> bool {
        let mut counts = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = &mut *counts;
        let of_client = counts.by_client.get(owner).copied().unwrap_or_default();
        let of_address = counts.by_address.get(&address).copied().unwrap_or_default();
        if counts.all >= self.limit
            || of_client >= self.limit_of_client
            || of_address >= self.limit_of_address
        {
            return false;
        }
        counts.all += 1;
        counts.by_client.insert(Arc::clone(owner), of_client + 1);
        counts.by_address.insert(address, of_address + 1);
        true
    }

    /// Frees a place taken with [`Self::enter`].
    pub fn leave(&self, owner: &Arc<Owner>, address: &IpNet) {
        let mut counts = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        decrease(&mut counts.by_client, owner);
        decrease(&mut counts.by_address, address);
    }
}

fn decrease<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
