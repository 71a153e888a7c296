//! What a wrong password or code leads to.

use serde_json::json;

use super::{audit, event};
use crate::app::App;
use crate::domain::guards::PaidAttempt;
use crate::model::audit_event::{Action, AuditEvent, Outcome};
use crate::model::request_origin::RequestOrigin;
use crate::model::user::User;
use crate::store::{self, sign_ins};

/// Records a wrong password or code of an account, and counts it. After too many in a row the account takes its
/// password from known browsers only; nothing that is signed in or connected is touched. Only a whole sign-in ends the
/// series: a thief of the password must not clear the count of wrong codes with it.
pub(in crate::domain) async fn refuse(
    app: &App,
    attempt: &PaidAttempt,
    user: &User,
    refused: AuditEvent<'_>,
    origin: &RequestOrigin,
) -> store::Result<()> {
    let details = json!({"reason": "too many wrong passwords or codes in a row"});
    let closed = event(Action::UnknownBrowsersRefused, Outcome::Success, user, origin, details);
    let new = audit::prepare(app, user.tenant_id, refused).await?;
    let closed = audit::prepare_at(app, user.tenant_id, closed, new.at).await?;
    sign_ins::refuse(&app.db, user.id, &new, &closed, attempt.hold()).await
}
