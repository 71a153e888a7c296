//! How many codes wait in each tenant: counted now and then, and by our own starts in between.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use super::starts::count_pending;
use crate::model::ids::TenantId;
use crate::store::Result;

/// A server that has just started counts no further, so that its first start need not wait until a million are
/// counted. With as many as this, codes are as long as with two million.
const FIRST_COUNT: u64 = 110_000;

/// The counts, each with the time it was taken.
#[derive(Debug, Default)]
pub struct PendingCounts(Mutex<HashMap<TenantId, (u64, DateTime<Utc>)>>);

impl PendingCounts {
    /// How many codes wait, at most `cap`. A count may be two seconds old, and older where counting is dear:
    /// a second more for each 20 000 codes. The first one of a server may fall short.
    pub async fn get(&self, db: &PgPool, tenant: TenantId, cap: u64, now: DateTime<Utc>) -> Result<u64> {
        let mut limit = cap.min(FIRST_COUNT);
        if let Some((count, counted_at)) =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&tenant)
        {
            let patience = TimeDelta::seconds(2 + i64::try_from(*count / 20_000).unwrap_or(0));
            if now - *counted_at < patience && now >= *counted_at {
                return Ok(*count);
            }
            // Whoever finds it old counts anew; the others go on with what is known.
            *counted_at = now;
            limit = cap;
        }
        let count = count_pending(db, tenant, limit, now).await?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant, (count, now));
        Ok(count)
    }

    /// Counts a start of our own.
    pub fn add(&self, tenant: TenantId) {
        if let Some((count, _)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&tenant) {
            *count += 1;
        }
    }
}
