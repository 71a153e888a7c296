//! Locks and unlocks a device. A locked device cannot use or refresh its tokens.

use serde_json::json;

use super::{DeviceError, Owner};
use crate::app::App;
use crate::domain::change::Change;
use crate::model::audit_event::{Action, Target};
use crate::model::device::{Device, LockHolder};
use crate::model::ids::DeviceId;
use crate::model::version::MeantFor;
use crate::store::devices;

/// Locks a device, as [`Device::lock`] says.
pub async fn lock(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
) -> Result<Device, DeviceError> {
    let rule = |device: &mut Device, by| Ok(device.lock(by));
    store(app, owner, id, meant_for, rule, Action::DeviceLocked).await
}

/// Unlocks a device, as [`Device::unlock`] says.
pub async fn unlock(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
) -> Result<Device, DeviceError> {
    let rule = |device: &mut Device, by| Ok(device.unlock(by)?);
    store(app, owner, id, meant_for, rule, Action::DeviceUnlocked).await
}

/// Applies the rule to the stored device. Audits `action` if it changes something.
async fn store(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
    rule: impl FnOnce(&mut Device, LockHolder) -> Result<bool, DeviceError>,
    action: Action,
) -> Result<Device, DeviceError> {
    let now = app.clock.now();
    let mut change = Change::begin(app, owner.tenant.id, &owner.by()).await?;
    devices::lock_row(&mut *change, owner.tenant.id, id).await?;
    let device = devices::find(&mut *change, owner.tenant.id, owner.user, id, now).await?;
    let mut device = device.ok_or(DeviceError::NotFound)?;
    meant_for.check(device.version)?;
    let by = owner.administrator.map_or(LockHolder::Owner, |_| LockHolder::Administrator);
    if !rule(&mut device, by)? {
        return Ok(device);
    }
    devices::set_lock(&mut *change, owner.tenant.id, id, device.lock_holder(), now).await?;
    change.audit(action, Target::Device(id), json!({})).await?;
    change.commit().await?;
    Ok(Device { updated_at: now, version: device.version + 1, ..device })
}
