//! An owner names a device, or keeps something of their own with it.

use serde_json::{Map, Value, json};

use super::{DeviceError, Owner};
use crate::app::App;
use crate::domain::audit;
use crate::model::audit_event::Action;
use crate::model::change::Change;
use crate::model::device::{Device, bounded, displayable};
use crate::model::ids::DeviceId;
use crate::model::version::MeantFor;
use crate::store::devices;

/// What an owner may change. What the device said about itself stays as it was when they approved it, and how far it
/// is trusted is for the approval to say.
#[derive(Debug, Default)]
pub struct DeviceChange {
    /// The name people know it by.
    pub name: Change<String>,
    /// What a program of the owner's keeps with it.
    pub metadata: Change<Map<String, Value>>,
}

/// Changes a device; what it is then. A change that asks for nothing new leaves its version as it was.
pub async fn change(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    change: DeviceChange,
    meant_for: &MeantFor,
) -> Result<Device, DeviceError> {
    let now = app.clock.now();
    let mut transaction = app.db.begin().await?;
    devices::lock_row(&mut *transaction, owner.tenant, id).await?;
    let device = devices::find(&mut *transaction, owner.tenant, owner.user, id, now).await?;
    let mut device = device.ok_or(DeviceError::NotFound)?;
    meant_for.check(device.version)?;
    let before = device.description.clone();
    let name = match change.name {
        Change::Set(name) => Change::Set(displayable(&name)?),
        other => other,
    };
    device.description.name = name.apply(before.name.clone()).filter(|name| !name.is_empty());
    let metadata = change.metadata.apply(Some(before.metadata.clone())).unwrap_or_default();
    device.description.metadata = bounded(metadata)?;
    if device.description == before {
        return Ok(device);
    }
    let (name, metadata) = (&device.description.name, &device.description.metadata);
    devices::describe(&mut *transaction, id, name.as_deref(), metadata, now).await?;
    let mut details = json!({});
    if *name != before.name {
        details["name"] = json!({"before": before.name, "after": name});
    }
    if *metadata != before.metadata {
        details["metadata"] = json!("changed");
    }
    audit::record(app, &mut *transaction, owner.tenant, &owner.event(Action::DeviceChanged, id, details))
        .await?;
    transaction.commit().await?;
    Ok(Device { updated_at: now, version: device.version + 1, ..device })
}
