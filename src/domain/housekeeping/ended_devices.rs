//! Devices whose tokens are all dead.

use super::{Chore, days_ago};
use crate::app::App;
use crate::store;
use crate::store::devices::endings;

pub const CHORE: Chore = Chore { name: "ended_devices", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    let before = days_ago(app, app.config.housekeeping.ended_devices_days);
    let mut gone = 0;
    for tenant in endings::tenants_with_ended(&app.db, before).await? {
        gone += endings::delete_ended(&app.db, tenant, before).await?;
    }
    Ok(gone)
}
