//! Devices, after they were connected.

pub mod distrust;

use super::token_families::{Ending, record_end};
use crate::app::App;
use crate::model::ids::{DeviceId, TenantId};
use crate::store::{self, token_families};

/// Ends a device's connection: its refresh tokens and its access tokens are dead when this returns, and no other
/// device notices. Whether it was alive.
pub async fn revoke(
    app: &App,
    tenant: TenantId,
    device: DeviceId,
    ending: Ending<'_>,
) -> store::Result<bool> {
    let mut transaction = app.db.begin().await?;
    let (reason, now) = (ending.reason, app.clock.now());
    let ended = token_families::revoke_of_device(&mut *transaction, tenant, device, reason, now).await?;
    let Some(family) = ended else { return Ok(false) };
    record_end(app, &mut *transaction, tenant, family, ending).await?;
    transaction.commit().await?;
    Ok(true)
}
