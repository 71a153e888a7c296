//! A device is trusted no longer: its owner, or an administrator, takes the trust away. It stays connected, for as
//! long as any other device would.

use serde_json::json;
use sqlx::PgConnection;

use crate::app::App;
use crate::domain::connection_lifetimes::ConnectionLifetimes;
use crate::domain::{audit, policies};
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::ids::{DeviceId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::{self, device_trust};

/// Takes the trust from a device, of this `owner` or, for administrators, of anybody; whether it had any. When this
/// returns, its connection and its refresh token end as early as those of any other device.
pub async fn distrust(
    app: &App,
    tenant: &Tenant,
    device: DeviceId,
    owner: Option<UserId>,
    actor: Actor,
    origin: Option<&RequestOrigin>,
) -> store::Result<bool> {
    let mut transaction = app.begin(tenant.id).await?;
    let had_any = take_trust(app, &mut transaction, tenant, device, owner, (actor, origin)).await?;
    transaction.commit().await?;
    Ok(had_any)
}

pub(super) async fn take_trust(
    app: &App,
    db: &mut PgConnection,
    tenant: &Tenant,
    device: DeviceId,
    owner: Option<UserId>,
    (actor, origin): (Actor, Option<&RequestOrigin>),
) -> store::Result<bool> {
    let now = app.clock.now();
    let found = device_trust::lock(&mut *db, tenant.id, device, owner).await?;
    let Some(client) = found else { return Ok(false) };
    let Some(client) = app.cached.client(&app.db, tenant.id, client.as_str()).await? else {
        return Ok(false);
    };
    let policy = policies::effective(app, tenant, &client);
    let lifetimes = ConnectionLifetimes::usual(&app.config.tokens, &policy);
    device_trust::end(&mut *db, tenant.id, device, lifetimes.idle, lifetimes.absolute, now).await?;
    let event = AuditEvent {
        action: Action::DeviceDistrusted,
        outcome: Outcome::Success,
        actor,
        target_kind: "device",
        target_id: Some(device.to_string()),
        origin,
        details: json!({}),
    };
    audit::record(app, db, tenant.id, &event).await?;
    Ok(true)
}
