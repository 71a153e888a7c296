//! An owner names a device, keeps something of their own with it, or takes the trust from it.

use serde_json::{Map, Value, json};

use super::{DeviceError, Owner, distrust};
use crate::app::App;
use crate::domain::change::Change;
use crate::model::audit_event::{Action, Target};
use crate::model::device::{Device, bounded, displayable};
use crate::model::ids::DeviceId;
use crate::model::patch::Patch;
use crate::model::version::MeantFor;
use crate::store::devices;

/// What an owner may change. What the device said about itself stays as it was when they approved it.
#[derive(Debug, Default)]
pub struct DeviceChange {
    /// The name people know it by.
    pub name: Patch<String>,
    /// What a program of the owner's keeps with it.
    pub metadata: Patch<Map<String, Value>>,
    /// Whether it is trusted: that can be taken away, and only an approval gives it.
    pub trusted: Patch<bool>,
}

/// Changes a device; what it is then. A change that asks for nothing new leaves its version as it was.
pub async fn change(
    app: &App,
    owner: Owner<'_>,
    id: DeviceId,
    asked: DeviceChange,
    meant_for: &MeantFor,
) -> Result<Device, DeviceError> {
    let takes_trust = may_take_trust(owner.device, id, &asked.trusted)?;
    let now = app.clock.now();
    let mut change = Change::begin(app, owner.tenant.id, &owner.by()).await?;
    devices::lock_row(&mut *change, owner.tenant.id, id).await?;
    let device = devices::find(&mut *change, owner.tenant.id, owner.user, id, now).await?;
    let mut device = device.ok_or(DeviceError::NotFound)?;
    meant_for.check(device.version)?;
    let before = device.description.clone();
    let name = match asked.name {
        Patch::Set(name) => Patch::Set(displayable(&name)?),
        other => other,
    };
    device.description.name = name.apply(before.name.clone()).filter(|name| !name.is_empty());
    let metadata = asked.metadata.apply(Some(before.metadata.clone())).unwrap_or_default();
    device.description.metadata = bounded(metadata)?;
    let is_described_anew = device.description != before;
    let takes_trust = takes_trust && device.trusted;
    if !is_described_anew && !takes_trust {
        return Ok(device);
    }
    if takes_trust {
        distrust::take_trust(&mut change, owner.tenant, id, Some(owner.user)).await?;
    }
    if is_described_anew {
        let (name, metadata) = (&device.description.name, &device.description.metadata);
        devices::describe(&mut *change, owner.tenant.id, id, name.as_deref(), metadata, now).await?;
        let mut details = json!({});
        if *name != before.name {
            details["name"] = json!({"before": before.name, "after": name});
        }
        if *metadata != before.metadata {
            details["metadata"] = json!("changed");
        }
        change.audit(Action::DeviceChanged, Target::Device(id), details).await?;
    }
    let device = devices::find(&mut *change, owner.tenant.id, owner.user, id, now).await?;
    change.commit().await?;
    device.ok_or(DeviceError::NotFound)
}

/// The rule: whether somebody who asks by the device `asking`, if it is one, wants to take the trust from `device`,
/// and may.
fn may_take_trust(
    asking: Option<DeviceId>,
    device: DeviceId,
    trusted: &Patch<bool>,
) -> Result<bool, DeviceError> {
    match trusted {
        Patch::Keep => Ok(false),
        Patch::Set(true) => Err(DeviceError::TrustNotGiven),
        Patch::Set(false) | Patch::Clear if asking == Some(device) => Err(DeviceError::OwnTrust),
        Patch::Set(false) | Patch::Clear => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn trust_is_taken_by_a_person_and_given_by_nobody() {
        let (tv, phone) = (DeviceId(Uuid::from_u128(1)), DeviceId(Uuid::from_u128(2)));
        for asking in [None, Some(phone)] {
            assert!(may_take_trust(asking, tv, &Patch::Set(false)).unwrap());
            assert!(may_take_trust(asking, tv, &Patch::Clear).unwrap());
            assert!(!may_take_trust(asking, tv, &Patch::Keep).unwrap());
        }
        for asking in [None, Some(phone), Some(tv)] {
            let given = may_take_trust(asking, tv, &Patch::Set(true));
            assert!(matches!(given, Err(DeviceError::TrustNotGiven)));
        }
        assert!(matches!(may_take_trust(Some(tv), tv, &Patch::Set(false)), Err(DeviceError::OwnTrust)));
    }
}
