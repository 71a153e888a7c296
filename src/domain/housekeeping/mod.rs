//! What is cleared away, and when nobody needs it any more: one file for each chore, and the one list of them.
//!
//! A chore deletes one batch at a time, rows that no other server has taken, so that any number of servers may do
//! it at once and none holds a lock for long.

pub mod activity;
pub mod approval_notices;
pub mod attempt_budgets;
pub mod audit_events;
pub mod browser_sessions;
pub mod code_sources;
pub mod decided_authorizations;
pub mod ended_devices;
pub mod expired_authorizations;
pub mod half_sign_ins;
pub mod revoked_access_tokens;
pub mod spent_user_codes;
pub mod used_jtis;
pub mod webhook_deliveries;

use std::pin::Pin;

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::store;

/// How far two servers may differ about the database's time: what has ended for one, another may still ask for.
const CLOCK_DIFFERENCE: TimeDelta = TimeDelta::minutes(1);

#[derive(Clone, Copy, Debug)]
pub struct Chore {
    /// Its name in logs and metrics.
    pub name: &'static str,
    /// Clears away one batch; how many rows went.
    clear_batch: fn(&App) -> Clearing<'_>,
}

type Clearing<'a> = Pin<Box<dyn Future<Output = store::Result<u64>> + Send + 'a>>;

pub const CHORES: [Chore; 14] = [
    expired_authorizations::CHORE,
    decided_authorizations::CHORE,
    spent_user_codes::CHORE,
    ended_devices::CHORE,
    browser_sessions::CHORE,
    half_sign_ins::CHORE,
    attempt_budgets::CHORE,
    code_sources::CHORE,
    used_jtis::CHORE,
    revoked_access_tokens::CHORE,
    approval_notices::CHORE,
    webhook_deliveries::CHORE,
    activity::CHORE,
    audit_events::CHORE,
];

impl Chore {
    /// Clears away one batch; how many rows went. None: there is nothing left to do.
    pub async fn clear_batch(&self, app: &App) -> store::Result<u64> {
        (self.clear_batch)(app).await
    }
}

fn days_ago(app: &App, days: u32) -> DateTime<Utc> {
    app.clock.now() - TimeDelta::days(i64::from(days))
}
