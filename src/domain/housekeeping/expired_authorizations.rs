//! Sessions that nobody decided, one lifetime after they expired: until then a late device learns `expired_token`
//! (RFC 8628 §3.5). They are counted a minute after they expired.

use chrono::TimeDelta;

use super::{CLOCK_DIFFERENCE, Chore};
use crate::app::App;
use crate::store::device_authorizations::endings;
use crate::store::{self, activity};

pub const CHORE: Chore = Chore { name: "expired_authorizations", clear_batch: |app| Box::pin(clear(app)) };

/// A used or expired user code is not issued again for this long (RFC 8628 §5.1).
const USER_CODE_REST: TimeDelta = TimeDelta::hours(24);

async fn clear(app: &App) -> store::Result<u64> {
    let now = app.clock.now();
    let expired_before = now - app.config.device_flow.code_lifetime();
    // Before they go. Nobody's clock is so slow that one could still be decided.
    let until = expired_before.max(now - CLOCK_DIFFERENCE);
    for tenant in activity::with_uncounted_expiries(&app.db, until).await? {
        activity::add_expiries(&app.db, tenant, until).await?;
    }
    endings::delete_undecided(&app.db, expired_before, now + USER_CODE_REST).await
}
