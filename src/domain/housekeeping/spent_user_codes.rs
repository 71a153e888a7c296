//! User codes of sessions gone for a day; they may be issued again (RFC 8628 §5.1).

use super::Chore;
use crate::app::App;
use crate::store;
use crate::store::device_authorizations::endings;

pub const CHORE: Chore = Chore { name: "spent_user_codes", clear_batch: |app| Box::pin(clear(app)) };

async fn clear(app: &App) -> store::Result<u64> {
    endings::release_user_codes(&app.db, app.clock.now()).await
}
