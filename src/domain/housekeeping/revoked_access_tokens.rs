//! Revoked access tokens that are over by now anyway (RFC 7009).

use super::{CLOCK_DIFFERENCE, Chore};
use crate::app::App;
use crate::store::{self, revoked_access_tokens};

pub const CHORE: Chore = Chore { name: "revoked_access_tokens", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    revoked_access_tokens::delete_expired(&app.db, app.clock.now() - CLOCK_DIFFERENCE).await
}
