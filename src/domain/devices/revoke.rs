//! A device is disconnected. Its refresh tokens and its access tokens are dead when this returns, no other device
//! notices, and it is gone from its owner's list; its row stays until housekeeping takes it.

use serde_json::json;

use super::{DeviceError, Owner};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::token_families::{Ending, record_end};
use crate::model::ids::{DeviceId, TenantId};
use crate::model::token_family::RevocationReason;
use crate::model::version::MeantFor;
use crate::store;
use crate::store::devices::{self, endings};

/// Disconnects a device for this reason. Returns `true` if it was connected.
pub async fn revoke(
    app: &App,
    tenant: TenantId,
    device: DeviceId,
    reason: RevocationReason,
    by: &By<'_>,
) -> store::Result<bool> {
    let mut change = Change::begin(app, tenant, by).await?;
    if !endings::revoke(&mut *change, tenant, device, reason, app.clock.now()).await? {
        return Ok(false);
    }
    record_end(&mut change, device, reason.into()).await?;
    change.commit().await?;
    Ok(true)
}

/// An owner disconnects one of their devices.
pub async fn revoke_own(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
) -> Result<(), DeviceError> {
    let (tenant, now) = (owner.tenant.id, app.clock.now());
    let mut change = Change::begin(app, tenant, &owner.by()).await?;
    devices::lock_row(&mut *change, tenant, id).await?;
    let device = devices::find(&mut *change, tenant, owner.user, id, now).await?;
    meant_for.check(device.ok_or(DeviceError::NotFound)?.version)?;
    let reason = RevocationReason::DeviceRemoved;
    if !endings::revoke(&mut *change, tenant, id, reason, now).await? {
        // Whoever ended it a moment ago has written it down.
        return Err(DeviceError::NotFound);
    }
    record_end(&mut change, id, removal(id)).await?;
    Ok(change.commit().await?)
}

/// An owner disconnects all their devices but `spared`.
pub async fn revoke_others(app: &App, owner: Owner<'_>, spared: Option<DeviceId>) -> store::Result<()> {
    let (reason, now, tenant) = (RevocationReason::DeviceRemoved, app.clock.now(), owner.tenant.id);
    let mut change = Change::begin(app, tenant, &owner.by()).await?;
    for device in endings::revoke_others(&mut *change, tenant, owner.user, spared, reason, now).await? {
        record_end(&mut change, device, removal(device)).await?;
    }
    change.commit().await
}

fn removal(device: DeviceId) -> Ending {
    Ending { reason: RevocationReason::DeviceRemoved, details: json!({"device_id": device}) }
}
