//! New keys in place of those that may be known to someone else.

use serde_json::json;

use super::new_key;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::model::audit_event::{Action, Target};
use crate::model::audit_seal::{Mac, clearing_message};
use crate::model::ids::TenantId;
use crate::model::mac_key::MacPurpose;
use crate::store::announcements::{self, Announcement};
use crate::store::{self, audit_seals, mac_keys, signing_keys};

/// Replaces the key that authenticates the tenant's tokens, on every instance. What the old one authenticated is
/// invalid from then on.
pub async fn rotate_tokens(app: &App, tenant: TenantId, by: &By<'_>) -> store::Result<()> {
    let key = new_key(app, tenant, MacPurpose::Tokens);
    let mut change = Change::begin(app, tenant, by).await?;
    signing_keys::lock(&mut *change, tenant).await?;
    mac_keys::replace(&mut change, &key, app.clock.now()).await?;
    announce(change, tenant, Action::TokenKeyRotated).await
}

/// Retires the key that authenticates the tenant's audit log, on every instance, and creates its successor. The old key
/// verifies what was written until now.
pub async fn rotate_audit(app: &App, tenant: TenantId, by: &By<'_>) -> store::Result<()> {
    let key = new_key(app, tenant, MacPurpose::Audit);
    let successor = super::open(app, &key)?;
    // There must be one to be retired, which also authenticates the event below.
    super::audit(app, tenant).await?;
    // Not a transaction of the tenant: that may not change seals.
    let mut change = Change::of(app, tenant, by, audit_seals::begin(&app.db).await?);
    signing_keys::lock(&mut *change, tenant).await?;
    mac_keys::succeed(&mut change, &key, app.clock.now()).await?;
    // The second code of a seal has no time of its own, so it is always one of the current key.
    if let Some((number, mac)) = audit_seals::cleared(&mut *change, tenant).await?
        && let Ok(mac) = Mac::try_from(&mac[..])
    {
        let code = successor.code(&[&clearing_message(&mac)]);
        audit_seals::set_cleared_mac(&mut change, tenant, number, &code).await?;
    }
    announce(change, tenant, Action::AuditKeyRotated).await
}

/// Records the rotation, announces it to all instances, and commits it.
async fn announce(mut change: Change<'_>, tenant: TenantId, action: Action) -> store::Result<()> {
    change.audit(action, Target::Tenant(tenant), json!({})).await?;
    announcements::announce(&mut *change, Announcement::DirectoryChanged).await?;
    change.renews();
    change.commit().await
}
