//! A person who was told of an approval says that it was not theirs (RFC 10027 §6.1). Whoever holds the link of the
//! message may: it went to an address that is the person's, and all it can do is to end a connection.

use serde_json::json;

use super::audit::By;
use super::campaigns::{self, Testimony};
use super::change::Change;
use super::policies;
use super::token_families::record_end;
use crate::app::App;
use crate::model::approval_notice::Approved;
use crate::model::audit_event::{Action, Target};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::ids::{DeviceId, TenantId};
use crate::model::request_origin::{RequestOrigin, limit_unit};
use crate::model::tenant::Tenant;
use crate::model::token_family::RevocationReason;
use crate::store::approval_notices::Disowned;
use crate::store::device_authorizations::decisions;
use crate::store::devices::endings;
use crate::store::source_accounts::Contact;
use crate::store::{self, approval_notices};

/// What the link lets its reader disown; `None`: it is none of ours, was used, or is too old. Reading changes nothing.
pub async fn find(app: &App, tenant: TenantId, token: &str) -> store::Result<Option<Approved>> {
    let Some(token) = BearerSecret::parse(SecretKind::NotMe, token) else { return Ok(None) };
    approval_notices::find(&app.db, tenant, token.hash(), app.clock.now()).await
}

/// Takes the approval back, once: tokens that were collected are dead when this returns, and those that were not
/// never will be. Whether the link was good.
pub async fn disown(app: &App, tenant: &Tenant, token: &str, origin: &RequestOrigin) -> store::Result<bool> {
    let Some(token) = BearerSecret::parse(SecretKind::NotMe, token) else { return Ok(false) };
    let (now, by) = (app.clock.now(), By::anyone(origin));
    let mut change = Change::begin(app, tenant.id, &by).await?;
    let disowned = approval_notices::disown(&mut *change, tenant.id, token.hash(), now).await?;
    let Some(disowned) = disowned else { return Ok(false) };
    let (session, user) = (disowned.session_id, disowned.user_id);
    // In this order: a device that collects at this moment either finds the session dead, or has made by now what
    // is revoked next.
    let taken_back = decisions::take_one_back(&mut *change, tenant.id, session, now).await?;
    if taken_back {
        change.decided(&[session]).await?;
    }
    let (reason, device) = (RevocationReason::Disowned, DeviceId(session.0));
    let revoked = endings::revoke(&mut *change, tenant.id, device, reason, now).await?;
    if revoked {
        record_end(&mut change, device, reason.into()).await?;
    }
    let is_frozen = speak_against_source(&mut change, tenant, &disowned, origin).await?;
    let details = json!({"user_id": user, "device_id": revoked.then_some(device), "collected": !taken_back,
                         "source": disowned.ip_address.map(limit_unit), "source_frozen": is_frozen});
    let target = Target::DeviceAuthorization(session);
    change.audit(Action::DeviceAuthorizationDisowned, target, details).await?;
    change.commit().await?;
    metrics::counter!("latchkey_device_authorizations_disowned_total").increment(1);
    tracing::warn!(authorization_id = %session, user_id = %user, "approval disowned by email link");
    Ok(true)
}

/// Remembers it against the source of the code, as if the person had said at once that they had not started it.
async fn speak_against_source(
    change: &mut Change<'_>,
    tenant: &Tenant,
    disowned: &Disowned,
    origin: &RequestOrigin,
) -> store::Result<bool> {
    let app = change.app();
    let Some(asker) = disowned.ip_address else { return Ok(false) };
    let client = match &disowned.client_id {
        Some(client) => app.cached.client(&app.db, tenant.id, client.as_str()).await?,
        None => None,
    };
    let policy = client
        .map_or_else(|| policies::of_tenant(app, tenant), |client| policies::effective(app, tenant, &client));
    let (user, browser) = (disowned.user_id, origin.ip_address);
    let testimony = Testimony { user, contact: Contact::Reported, asker, browser };
    campaigns::note(change, tenant.id, testimony, &policy.approval).await
}
