//! How many codes wait in each tenant: counted now and then, and by our own starts in between.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::starts::count_pending;
use crate::model::ids::TenantId;
use crate::store::Result;
use crate::store::db::Db;

/// A server that has just started counts no further, so that its first start need not wait until a million are
/// counted. With as many as this, codes are as long as with two million.
const FIRST_COUNT: u64 = 110_000;

#[derive(Debug, Default)]
pub struct PendingCounts(Mutex<HashMap<TenantId, Count>>);

type Counting = BoxFuture<'static, Result<u64>>;

#[derive(Debug)]
enum Count {
    /// It is being counted for the first time. A crowd that comes to a server that has just started shares one count, as
    /// well as its failure; when all have gone, it is given up.
    First(WeakShared<Counting>),
    /// So many, when they were counted last.
    Known(u64, DateTime<Utc>),
}

impl PendingCounts {
    /// How many codes wait, at most `cap`. A count may be two seconds old, and older where counting is dear:
    /// a second more for each 20 000 codes. The first one of a server may fall short.
    pub async fn get(&self, db: &Db, tenant: TenantId, cap: u64, now: DateTime<Utc>) -> Result<u64> {
        if let Some(first) = self.first(db, tenant, cap, now) {
            let count = first.await?;
            // In one that is known already, starts of our own may be counted.
            if let Some(known @ Count::First(_)) = self.lock().get_mut(&tenant) {
                *known = Count::Known(count, now);
            }
            return Ok(count);
        }
        if let Some(count) = self.fresh(tenant, now) {
            return Ok(count);
        }
        let count = count_pending(db, tenant, cap, now).await?;
        self.lock().insert(tenant, Count::Known(count, now));
        Ok(count)
    }

    /// The first count of a tenant, if it is under way or to be begun.
    fn first(&self, db: &Db, tenant: TenantId, cap: u64, now: DateTime<Utc>) -> Option<Shared<Counting>> {
        let mut counts = self.lock();
        let under_way = match counts.get(&tenant) {
            Some(Count::Known(..)) => return None,
            Some(Count::First(counting)) => counting.upgrade(),
            None => None,
        };
        Some(under_way.unwrap_or_else(|| {
            let db = db.clone();
            let counting = async move { count_pending(&db, tenant, cap.min(FIRST_COUNT), now).await };
            let counting = counting.boxed().shared();
            counts.extend(counting.downgrade().map(|counting| (tenant, Count::First(counting))));
            counting
        }))
    }

    /// What is known of a tenant and not too old. Whoever finds it old counts anew; the others go on with what is known.
    fn fresh(&self, tenant: TenantId, now: DateTime<Utc>) -> Option<u64> {
        let mut counts = self.lock();
        let Some(Count::Known(count, counted_at)) = counts.get_mut(&tenant) else { return None };
        let patience = TimeDelta::seconds(2 + i64::try_from(*count / 20_000).unwrap_or(0));
        if now - *counted_at < patience && now >= *counted_at {
            return Some(*count);
        }
        *counted_at = now;
        None
    }

    /// Counts a start of our own.
    pub fn add(&self, tenant: TenantId) {
        if let Some(Count::Known(count, _)) = self.lock().get_mut(&tenant) {
            *count += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
