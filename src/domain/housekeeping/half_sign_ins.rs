//! Sign-ins whose second step did not come in time.

use super::{CLOCK_DIFFERENCE, Chore};
use crate::app::App;
use crate::store::{self, half_sign_ins};

pub const CHORE: Chore = Chore { name: "half_sign_ins", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    half_sign_ins::delete_expired(&app.db, app.clock.now() - CLOCK_DIFFERENCE).await
}
