//! An administrator does to anybody's devices what their owner may do, and disconnects many at once.

use serde_json::json;

use super::change::DeviceChange;
use super::{DeviceError, Owner};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::token_families::{Ending, record_end};
use crate::model::device::Device;
use crate::model::ids::{DeviceId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::token_family::RevocationReason;
use crate::model::version::MeantFor;
use crate::store;
use crate::store::devices::listings::{self, Filter};
use crate::store::devices::{self, endings};

/// How many devices are disconnected in one transaction.
const BATCH: i64 = 500;
/// How many are disconnected by one request at most, so that it ends in time.
pub const MOST_AT_ONCE: i64 = 10_000;

#[derive(Clone, Copy, Debug)]
pub struct Administrator<'a> {
    pub tenant: &'a Tenant,
    pub user: UserId,
    pub origin: &'a RequestOrigin,
}

impl<'a> Administrator<'a> {
    /// The administrator in the place of the device's owner.
    async fn for_owner_of(&self, app: &App, id: DeviceId) -> Result<Owner<'a>, DeviceError> {
        let user = devices::owner(&app.db, self.tenant.id, id).await?.ok_or(DeviceError::NotFound)?;
        Ok(Owner {
            tenant: self.tenant,
            user,
            device: None,
            administrator: Some(self.user),
            origin: self.origin,
        })
    }
}

pub async fn find(app: &App, administrator: Administrator<'_>, id: DeviceId) -> Result<Device, DeviceError> {
    super::find::by_id(app, administrator.for_owner_of(app, id).await?, id).await
}

/// Changes a device as its owner could; what it is then.
pub async fn change(
    app: &App,
    administrator: Administrator<'_>,
    id: DeviceId,
    change: DeviceChange,
    meant_for: &MeantFor,
) -> Result<Device, DeviceError> {
    super::change::change(app, administrator.for_owner_of(app, id).await?, id, change, meant_for).await
}

/// Locks a device, so that its owner does not unlock it.
pub async fn lock(
    app: &App,
    administrator: Administrator<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
) -> Result<Device, DeviceError> {
    super::lock::lock(app, administrator.for_owner_of(app, id).await?, id, meant_for).await
}

/// Unlocks a device, whoever locked it.
pub async fn unlock(
    app: &App,
    administrator: Administrator<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
) -> Result<Device, DeviceError> {
    super::lock::unlock(app, administrator.for_owner_of(app, id).await?, id, meant_for).await
}

pub async fn revoke(
    app: &App,
    administrator: Administrator<'_>,
    id: DeviceId,
    meant_for: &MeantFor,
) -> Result<(), DeviceError> {
    super::revoke::revoke_own(app, administrator.for_owner_of(app, id).await?, id, meant_for).await
}

/// What came of disconnecting many devices.
#[derive(Clone, Copy, Debug)]
pub struct BulkRevocation {
    /// How many fitted, before any was disconnected.
    pub matching: i64,
    pub revoked: i64,
}

/// How many devices [`revoke_matching`] would disconnect, if it is repeated until none fits.
pub async fn count_matching(
    app: &App,
    administrator: Administrator<'_>,
    filter: &Filter,
) -> store::Result<i64> {
    listings::count(&app.db, administrator.tenant.id, filter, app.clock.now()).await
}

/// Disconnects the devices that fit, the newest first, no more than [`MOST_AT_ONCE`]. What is done stays done when the
/// database fails midway.
pub async fn revoke_matching(
    app: &App,
    administrator: Administrator<'_>,
    filter: &Filter,
) -> store::Result<BulkRevocation> {
    let matching = count_matching(app, administrator, filter).await?;
    let mut revoked = 0;
    while revoked < MOST_AT_ONCE {
        match revoke_batch(app, administrator, filter).await? {
            0 => break,
            more => revoked += more,
        }
    }
    Ok(BulkRevocation { matching, revoked })
}

async fn revoke_batch(app: &App, administrator: Administrator<'_>, filter: &Filter) -> store::Result<i64> {
    let (tenant, now) = (administrator.tenant.id, app.clock.now());
    let by = By::user(administrator.user, administrator.origin);
    let reason = RevocationReason::DeviceRemoved;
    let mut change = Change::begin(app, tenant, &by).await?;
    let ids = listings::lock(&mut change, tenant, filter, BATCH, now).await?;
    let ended = endings::revoke_all(&mut *change, tenant, &ids, reason, now).await?;
    for device in &ended {
        let details = json!({"device_id": device, "in_bulk": true});
        record_end(&mut change, *device, Ending { reason, details }).await?;
    }
    change.commit().await?;
    Ok(i64::try_from(ended.len()).unwrap_or(i64::MAX))
}
