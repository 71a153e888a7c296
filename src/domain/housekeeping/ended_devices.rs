//! Devices whose tokens are all dead, with their token families.

use super::{Chore, days_ago};
use crate::app::App;
use crate::store;
use crate::store::token_families;

/// The chore.
pub const CHORE: Chore = Chore { name: "ended_devices", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    token_families::delete_ended(&app.db, days_ago(app, app.config.housekeeping.ended_devices_days)).await
}
