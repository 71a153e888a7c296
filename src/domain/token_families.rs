//! The end of a token family before its time, and how it is written down.

use serde_json::{Value, json};

use super::audit::By;
use super::change::Change;
use crate::app::App;
use crate::model::audit_event::{Action, Outcome, Target};
use crate::model::ids::{DeviceId, TenantId};
use crate::model::token_family::RevocationReason;
use crate::store;
use crate::store::devices::endings;

/// Why a family ends, and what else is worth knowing of it.
#[derive(Debug)]
pub struct Ending {
    pub reason: RevocationReason,
    /// What else the audit event tells: an object.
    pub details: Value,
}

impl From<RevocationReason> for Ending {
    fn from(reason: RevocationReason) -> Self {
        Self { reason, details: json!({}) }
    }
}

/// Ends a family because somebody has what only the device should have.
pub async fn revoke_stolen(
    app: &App,
    tenant: TenantId,
    device: DeviceId,
    reason: RevocationReason,
    by: &By<'_>,
) -> store::Result<()> {
    let mut change = Change::begin(app, tenant, by).await?;
    if endings::revoke(&mut *change, tenant, device, reason, app.clock.now()).await? {
        record_end(&mut change, device, reason.into()).await?;
        change.commit().await?;
        tracing::warn!(device_id = %device, reason = reason.as_str(), "token family revoked");
    }
    Ok(())
}

/// Writes down that a family was revoked, in the transaction that revokes it.
pub(super) async fn record_end(
    change: &mut Change<'_>,
    device: DeviceId,
    ending: Ending,
) -> store::Result<()> {
    let by = change.by().clone();
    record_end_by(change, &by, device, ending).await
}

/// The same where the family ends as a consequence of what somebody else did.
pub(super) async fn record_end_by(
    change: &mut Change<'_>,
    by: &By<'_>,
    device: DeviceId,
    ending: Ending,
) -> store::Result<()> {
    let Ending { reason, mut details } = ending;
    details["reason"] = json!(reason.as_str());
    let done = (Action::TokenFamilyRevoked, Outcome::Success);
    change.audit_by(by, done, Target::Device(device), details).await?;
    metrics::counter!("latchkey_token_families_revoked_total", "reason" => reason.as_str()).increment(1);
    Ok(())
}
