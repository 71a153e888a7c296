//! What a wrong password or code leads to.

use serde_json::json;

use super::{audit, event};
use crate::app::App;
use crate::model::audit_event::{Action, Outcome};
use crate::model::guessing::MAX_CONSECUTIVE_FAILURES;
use crate::model::request_origin::RequestOrigin;
use crate::model::user::User;
use crate::store::{self, users};

/// Counts a wrong password or code of an account. After too many in a row the account takes its password from known
/// browsers only; nothing that is signed in or connected is touched. Only a whole sign-in ends the row: a thief of the
/// password must not clear the count of wrong codes with it.
pub(in crate::domain) async fn count_failure(
    app: &App,
    db: &mut sqlx::PgConnection,
    user: &User,
    origin: &RequestOrigin,
) -> store::Result<()> {
    if users::count_failure(&mut *db, user.tenant_id, user.id).await? != MAX_CONSECUTIVE_FAILURES {
        return Ok(());
    }
    let details = json!({"reason": "too many wrong passwords or codes in a row"});
    let closed = event(Action::UnknownBrowsersRefused, Outcome::Success, user, origin, details);
    audit::record(app, db, user.tenant_id, &closed).await
}
