//! Browser sessions that are over.

use super::{Chore, days_ago};
use crate::app::App;
use crate::store;
use crate::store::browser_sessions;

pub const CHORE: Chore = Chore { name: "browser_sessions", clear_batch: |app| Box::pin(clear(app)) };

const REST_DAYS: u32 = 1;

async fn clear(app: &App) -> store::Result<u64> {
    browser_sessions::delete_ended(&app.db, days_ago(app, REST_DAYS)).await
}
