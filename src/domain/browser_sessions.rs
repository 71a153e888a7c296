//! A person's signed-in browsers, as they see them from one of them.

use serde_json::json;

use super::audit;
use super::devices::Owner;
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome, Target};
use crate::model::ids::BrowserSessionId;
use crate::store::{self, browser_sessions};

/// Ends one of the owner's sessions. One that is over, or another's, is left as it is: the aim is reached, or is none
/// of their business.
pub async fn end(app: &App, owner: Owner<'_>, id: BrowserSessionId) -> store::Result<()> {
    let mut transaction = app.begin(owner.tenant.id).await?;
    let now = app.clock.now();
    if !browser_sessions::end_of_owner(&mut *transaction, owner.tenant.id, owner.user, id, now).await? {
        return Ok(());
    }
    let event = AuditEvent {
        action: Action::BrowserSessionEnded,
        outcome: Outcome::Success,
        actor: Actor::User(owner.user),
        target: Target::BrowserSession(id),
        origin: Some(owner.origin),
        details: json!({}),
    };
    audit::record(app, &mut *transaction, owner.tenant.id, &event).await?;
    Ok(transaction.commit().await?)
}
