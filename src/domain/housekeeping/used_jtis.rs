//! Names of proofs that are too old to come again (RFC 7523 §3, RFC 9449 §11.1).

use super::{CLOCK_DIFFERENCE, Chore};
use crate::app::App;
use crate::store::{self, used_jtis};

/// The chore.
pub const CHORE: Chore = Chore { name: "used_jtis", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    used_jtis::delete_expired(&app.db, app.clock.now() - CLOCK_DIFFERENCE).await
}
