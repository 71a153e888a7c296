//! A device is trusted no longer: its owner, or an administrator, takes the trust away. It stays connected, for as
//! long as any other device would.

use serde_json::json;

use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::connection_lifetimes::ConnectionLifetimes;
use crate::domain::policies;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::{DeviceId, UserId};
use crate::model::tenant::Tenant;
use crate::store::{self, device_trust};

/// Takes the trust from a device, of this `owner` or, for administrators, of anybody; whether it had any. When this
/// returns, its connection and its refresh token end as early as those of any other device.
pub async fn distrust(
    app: &App,
    tenant: &Tenant,
    device: DeviceId,
    owner: Option<UserId>,
    by: &By<'_>,
) -> store::Result<bool> {
    let mut change = Change::begin(app, tenant.id, by).await?;
    let had_any = take_trust(&mut change, tenant, device, owner).await?;
    change.commit().await?;
    Ok(had_any)
}

/// The same within a change.
pub(super) async fn take_trust(
    change: &mut Change<'_>,
    tenant: &Tenant,
    device: DeviceId,
    owner: Option<UserId>,
) -> store::Result<bool> {
    let app = change.app();
    let found = device_trust::lock(&mut **change, tenant.id, device, owner).await?;
    let Some(client) = found else { return Ok(false) };
    let Some(client) = app.cached.client(&app.db, tenant.id, client.as_str()).await? else {
        return Ok(false);
    };
    let policy = policies::effective(app, tenant, &client);
    let (lifetimes, now) = (ConnectionLifetimes::usual(&app.config.tokens, &policy), app.clock.now());
    device_trust::end(&mut **change, tenant.id, device, lifetimes.idle, lifetimes.absolute, now).await?;
    change.audit(Action::DeviceDistrusted, Target::Device(device), json!({})).await?;
    Ok(true)
}
