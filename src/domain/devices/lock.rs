//! Locks and unlocks a device. A locked device cannot use or refresh its tokens.

use serde_json::json;

use super::{DeviceError, Owner};
use crate::app::App;
use crate::domain::change::Change;
use crate::model::audit_event::{Action, Target};
use crate::model::device::{Device, DeviceStatus};
use crate::model::ids::DeviceId;
use crate::model::version::MeantFor;
use crate::store::devices;

/// Locks a device; one that is locked stays so.
pub async fn lock(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
) -> Result<Device, DeviceError> {
    turn(app, owner, id, meant_for, Action::DeviceLocked).await
}

/// Unlocks a device; one that is not locked stays so.
pub async fn unlock(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
) -> Result<Device, DeviceError> {
    turn(app, owner, id, meant_for, Action::DeviceUnlocked).await
}

async fn turn(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
    action: Action,
) -> Result<Device, DeviceError> {
    let now = app.clock.now();
    let mut change = Change::begin(app, owner.tenant.id, &owner.by()).await?;
    devices::lock_row(&mut *change, owner.tenant.id, id).await?;
    let device = devices::find(&mut *change, owner.tenant.id, owner.user, id, now).await?;
    let device = device.ok_or(DeviceError::NotFound)?;
    meant_for.check(device.version)?;
    let by_administrator = owner.administrator.is_some();
    let (status, lock) = match (action, device.status) {
        // An administrator's lock takes the place of the owner's.
        (Action::DeviceLocked, DeviceStatus::Locked)
            if by_administrator && !device.locked_by_administrator =>
        {
            (DeviceStatus::Locked, Some(devices::Lock { at: now, by_administrator }))
        }
        (Action::DeviceLocked, DeviceStatus::Active) => {
            (DeviceStatus::Locked, Some(devices::Lock { at: now, by_administrator }))
        }
        (Action::DeviceUnlocked, DeviceStatus::Locked)
            if device.locked_by_administrator && !by_administrator =>
        {
            return Err(DeviceError::LockedByAdministrator);
        }
        (Action::DeviceUnlocked, DeviceStatus::Locked) => (DeviceStatus::Active, None),
        // There is nothing to lock about a device whose time is over.
        _ => return Ok(device),
    };
    devices::set_lock(&mut *change, owner.tenant.id, id, lock, now).await?;
    change.audit(action, Target::Device(id), json!({})).await?;
    change.commit().await?;
    let locked_by_administrator = lock.is_some_and(|lock| lock.by_administrator);
    Ok(Device { status, locked_by_administrator, updated_at: now, version: device.version + 1, ..device })
}
