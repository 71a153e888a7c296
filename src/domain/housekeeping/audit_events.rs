//! Old audit events, where they are not kept for good.

use super::{Chore, days_ago};
use crate::app::App;
use crate::store;
use crate::store::audit_events;

/// The chore.
pub const CHORE: Chore = Chore { name: "audit_events", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    match app.config.housekeeping.audit_days {
        0 => Ok(0),
        days => audit_events::delete_older(&app.db, days_ago(app, days)).await,
    }
}
