//! A device is disconnected. Its refresh tokens and its access tokens are dead when this returns, no other device
//! notices, and it is gone from its owner's list; its row stays until housekeeping takes it.

use serde_json::json;

use super::{DeviceError, Owner};
use crate::app::App;
use crate::domain::token_families::{Ending, record_end};
use crate::model::ids::{DeviceId, TenantId};
use crate::model::token_family::RevocationReason;
use crate::model::version::MeantFor;
use crate::store;
use crate::store::devices::{self, endings};

/// Ends a device's connection. Whether it was alive.
pub async fn revoke(
    app: &App,
    tenant: TenantId,
    device: DeviceId,
    ending: Ending<'_>,
) -> store::Result<bool> {
    let mut transaction = app.begin(tenant).await?;
    let (reason, now) = (ending.reason, app.clock.now());
    if !endings::revoke(&mut *transaction, tenant, device, reason, now).await? {
        return Ok(false);
    }
    record_end(app, &mut *transaction, tenant, device, ending).await?;
    transaction.commit().await?;
    Ok(true)
}

/// An owner disconnects one of their devices.
pub async fn revoke_own(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
) -> Result<(), DeviceError> {
    let now = app.clock.now();
    let mut transaction = app.begin(owner.tenant.id).await?;
    devices::lock_row(&mut *transaction, owner.tenant.id, id).await?;
    let device = devices::find(&mut *transaction, owner.tenant.id, owner.user, id, now).await?;
    meant_for.check(device.ok_or(DeviceError::NotFound)?.version)?;
    let reason = RevocationReason::DeviceRemoved;
    if !endings::revoke(&mut *transaction, owner.tenant.id, id, reason, now).await? {
        // Whoever ended it a moment ago has written it down.
        return Err(DeviceError::NotFound);
    }
    record_end(app, &mut *transaction, owner.tenant.id, id, ending(owner, id)).await?;
    Ok(transaction.commit().await?)
}

/// An owner disconnects all their devices but `spared`.
pub async fn revoke_others(app: &App, owner: Owner<'_>, spared: Option<DeviceId>) -> store::Result<()> {
    let (reason, now) = (RevocationReason::DeviceRemoved, app.clock.now());
    let mut transaction = app.begin(owner.tenant.id).await?;
    let (db, tenant) = (&mut *transaction, owner.tenant.id);
    for device in endings::revoke_others(db, tenant, owner.user, spared, reason, now).await? {
        record_end(app, &mut *transaction, tenant, device, ending(owner, device)).await?;
    }
    Ok(transaction.commit().await?)
}

fn ending(owner: Owner<'_>, device: DeviceId) -> Ending<'_> {
    Ending {
        actor: owner.actor(),
        reason: RevocationReason::DeviceRemoved,
        origin: Some(owner.origin),
        details: json!({"device_id": device}),
    }
}
