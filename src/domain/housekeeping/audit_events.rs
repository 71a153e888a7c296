//! Old audit events, where they are not kept for good. Only what is sealed is cleared away.

use super::{Chore, days_ago};
use crate::app::App;
use crate::domain::audit_trail::clear::clear_one_of_each;
use crate::store;

pub const CHORE: Chore = Chore { name: "audit_events", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    match app.config.housekeeping.audit_days {
        0 => Ok(0),
        days => clear_one_of_each(app, days_ago(app, days)).await,
    }
}
