//! New keys in place of those that may be known to someone else.

use serde_json::json;
use sqlx::PgConnection;

use super::new_key;
use crate::app::App;
use crate::domain::audit::{self, By};
use crate::model::audit_event::{Action, AuditEvent, Outcome, Target};
use crate::model::audit_seal::{Mac, clearing_message};
use crate::model::ids::TenantId;
use crate::model::mac_key::MacPurpose;
use crate::store::announcements::{self, Announcement};
use crate::store::{self, audit_seals, mac_keys, signing_keys};

/// Replaces the key that authenticates the tenant's tokens, on every instance. What the old one authenticated is
/// invalid from then on.
pub async fn rotate_tokens(app: &App, tenant: TenantId, by: &By<'_>) -> store::Result<()> {
    let key = new_key(app, tenant, MacPurpose::Tokens);
    let mut transaction = app.begin(tenant).await?;
    signing_keys::lock(&mut *transaction, tenant).await?;
    mac_keys::replace(&mut transaction, &key, app.clock.now()).await?;
    announce(app, &mut transaction, tenant, Action::TokenKeyRotated, by).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(())
}

/// Retires the key that authenticates the tenant's audit log, on every instance, and creates its successor. The old key
/// verifies what was written until now.
pub async fn rotate_audit(app: &App, tenant: TenantId, by: &By<'_>) -> store::Result<()> {
    let key = new_key(app, tenant, MacPurpose::Audit);
    let successor = super::open(app, &key)?;
    // There must be one to be retired, which also authenticates the event below.
    super::audit(app, tenant).await?;
    // Not a transaction of the tenant: that may not change seals.
    let mut transaction = audit_seals::begin(&app.db).await?;
    signing_keys::lock(&mut *transaction, tenant).await?;
    mac_keys::succeed(&mut transaction, &key, app.clock.now()).await?;
    // The second code of a seal has no time of its own, so it is always one of the current key.
    if let Some((number, mac)) = audit_seals::cleared(&mut *transaction, tenant).await?
        && let Ok(mac) = Mac::try_from(&mac[..])
    {
        let code = successor.code(&[&clearing_message(&mac)]);
        audit_seals::set_cleared_mac(&mut transaction, tenant, number, &code).await?;
    }
    announce(app, &mut transaction, tenant, Action::AuditKeyRotated, by).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(())
}

/// Records the rotation and announces it to all instances.
async fn announce(
    app: &App,
    db: &mut PgConnection,
    tenant: TenantId,
    action: Action,
    by: &By<'_>,
) -> store::Result<()> {
    let event = AuditEvent {
        action,
        outcome: Outcome::Success,
        actor: by.actor.clone(),
        target: Target::Tenant(tenant),
        origin: by.origin,
        details: json!({}),
    };
    audit::record(app, &mut *db, tenant, &event).await?;
    announcements::announce(db, Announcement::DirectoryChanged).await
}
