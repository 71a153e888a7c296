//! How many requests came from where, remembered in memory by this server alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use crate::model::attempt_budget::{Guard, Spending, TooManyAttemptsError};

/// The most sources remembered; when there are more, those that owe least are forgotten.
const CAPACITY: usize = 100_000;

/// What each source has spent of one guard.
#[derive(Debug, Default)]
pub struct RequestBuckets(Mutex<HashMap<IpNet, Spending>>);

impl RequestBuckets {
    /// Pays for one request of `source` under `guard`.
    pub fn pay(&self, guard: &Guard, source: IpNet, now: DateTime<Utc>) -> Result<(), TooManyAttemptsError> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let spending = guard.pay(buckets.get(&source).copied(), now)?;
        if buckets.len() >= CAPACITY && !buckets.contains_key(&source) {
            forget_the_least(&mut buckets);
        }
        buckets.insert(source, spending);
        Ok(())
    }
}

/// Halves the map, so that the work is spread over many insertions.
fn forget_the_least(buckets: &mut HashMap<IpNet, Spending>) {
    let mut times: Vec<_> = buckets.values().map(|spending| spending.updated_at).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    buckets.retain(|_, spending| spending.updated_at > median);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::attempt_budget::Refill;
    use chrono::TimeDelta;

    #[test]
    fn memory_is_bounded_and_sources_do_not_share() {
        const GUARD: Guard =
            Guard { name: "test", capacity: 1.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };
        let (buckets, start) =
            (RequestBuckets::default(), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        for index in 0..150_000_u32 {
            let source = IpNet::from(std::net::IpAddr::from(index.to_be_bytes()));
            buckets.pay(&GUARD, source, start + TimeDelta::milliseconds(i64::from(index))).unwrap();
        }
        assert!(buckets.0.lock().unwrap().len() <= CAPACITY);
        let last = IpNet::from(std::net::IpAddr::from(149_999_u32.to_be_bytes()));
        assert!(buckets.pay(&GUARD, last, start).is_err());
    }
}
