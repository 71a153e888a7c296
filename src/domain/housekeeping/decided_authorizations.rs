//! Sessions that were decided: history for administrators, and how a replayed code is noticed, until then.

use super::{Chore, days_ago};
use crate::app::App;
use crate::store;
use crate::store::device_authorizations::endings;

pub const CHORE: Chore = Chore { name: "decided_authorizations", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    let expired_before = days_ago(app, app.config.housekeeping.decided_sessions_days);
    let mut gone = 0;
    for tenant in endings::tenants_with_decided(&app.db, expired_before).await? {
        gone += endings::delete_decided(&app.db, tenant, expired_before).await?;
    }
    Ok(gone)
}
