//! A person's signed-in browsers, as they see them from one of them.

use serde_json::json;

use super::audit::By;
use super::change::Change;
use super::devices::Owner;
use crate::app::App;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::BrowserSessionId;
use crate::store::{self, browser_sessions};

/// Ends one of the owner's sessions. One that is over, or another's, is left as it is: the aim is reached, or is none
/// of their business.
pub async fn end(app: &App, owner: Owner<'_>, id: BrowserSessionId) -> store::Result<()> {
    let (tenant, now) = (owner.tenant.id, app.clock.now());
    let mut change = Change::begin(app, tenant, &By::user(owner.user, owner.origin)).await?;
    if !browser_sessions::end_of_owner(&mut *change, tenant, owner.user, id, now).await? {
        return Ok(());
    }
    change.audit(Action::BrowserSessionEnded, Target::BrowserSession(id), json!({})).await?;
    change.commit().await
}
