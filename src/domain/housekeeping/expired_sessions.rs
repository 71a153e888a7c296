//! Sessions that nobody decided, one lifetime after they expired: until then a late device learns `expired_token`
//! (RFC 8628 §3.5).

use chrono::TimeDelta;

use super::Chore;
use crate::app::App;
use crate::store;
use crate::store::device_sessions::endings;

/// The chore.
pub const CHORE: Chore = Chore { name: "expired_sessions", clear_batch: |app| Box::pin(clear(app)) };

/// A used or expired user code is not issued again for this long (RFC 8628 §5.1).
const USER_CODE_REST: TimeDelta = TimeDelta::hours(24);

async fn clear(app: &App) -> store::Result<u64> {
    let now = app.clock.now();
    let expired_before = now - app.config.device_flow.code_lifetime();
    endings::delete_undecided(&app.db, expired_before, now + USER_CODE_REST).await
}
