//! Messages about approvals whose links are dead.

use super::{CLOCK_DIFFERENCE, Chore};
use crate::app::App;
use crate::store::{self, approval_notices};

pub const CHORE: Chore = Chore { name: "approval_notices", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    approval_notices::delete_expired(&app.db, app.clock.now() - CLOCK_DIFFERENCE).await
}
