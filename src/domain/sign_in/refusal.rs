//! What a wrong password or code leads to.

use serde_json::json;

use super::{audit, event};
use crate::app::App;
use crate::model::audit_event::{Action, Outcome};
use crate::model::request_origin::RequestOrigin;
use crate::model::user::{Standing, User};
use crate::store::{self, users};

/// Wrong passwords and codes in a row, from wherever, after which the account is locked (NIST SP 800-63B-4 §3.2.2).
const MAX_CONSECUTIVE_FAILURES: i32 = 100;

/// Counts a wrong password or code of an account, and locks it after too many in a row. Only a whole sign-in ends the
/// row: whoever has stolen the password must not clear the count of wrong codes with it.
pub(in crate::domain) async fn count_failure(
    app: &App,
    db: &mut sqlx::PgConnection,
    user: &User,
    origin: &RequestOrigin,
) -> store::Result<()> {
    if !user.is_active() || users::count_failure(&mut *db, user.id).await? < MAX_CONSECUTIVE_FAILURES {
        return Ok(());
    }
    users::set_standing(&mut *db, user.id, Standing::Locked, app.clock.now()).await?;
    let details = json!({"reason": "too many wrong passwords or codes in a row"});
    let locked = event(Action::AccountLocked, Outcome::Success, user, origin, details);
    audit::record(app, db, user.tenant_id, &locked).await
}
