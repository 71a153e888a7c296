//! The end of a token family before its time, and how it is written down.

use serde_json::{Value, json};
use sqlx::PgExecutor;

use super::audit;
use super::authenticate_client::AuthenticatedClient;
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::ids::{DeviceId, TenantId};
use crate::model::request_origin::RequestOrigin;
use crate::model::token_family::RevocationReason;
use crate::store;
use crate::store::devices::endings;

/// Who ended a family, why, and from where.
#[derive(Debug)]
pub struct Ending<'a> {
    pub actor: Actor,
    pub reason: RevocationReason,
    /// From where; `None` for the command line.
    pub origin: Option<&'a RequestOrigin>,
    /// What else is worth knowing: an object.
    pub details: Value,
}

impl<'a> Ending<'a> {
    /// An ending by what a client did.
    #[must_use]
    pub fn by_client(
        client: &AuthenticatedClient,
        reason: RevocationReason,
        origin: &'a RequestOrigin,
    ) -> Self {
        let actor = Actor::Client(client.client_id.clone());
        Self { actor, reason, origin: Some(origin), details: json!({}) }
    }
}

/// Ends a family because somebody has what only the device should have.
pub async fn revoke_stolen(
    app: &App,
    tenant: TenantId,
    device: DeviceId,
    ending: Ending<'_>,
) -> store::Result<()> {
    let (reason, mut transaction) = (ending.reason, app.begin(tenant).await?);
    if endings::revoke(&mut *transaction, tenant, device, reason, app.clock.now()).await? {
        record_end(app, &mut *transaction, tenant, device, ending).await?;
        transaction.commit().await?;
        tracing::warn!(device_id = %device, reason = reason.as_str(), "token family revoked");
    }
    Ok(())
}

/// Writes down that a family was revoked, in the transaction that revokes it.
pub async fn record_end(
    app: &App,
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    device: DeviceId,
    ending: Ending<'_>,
) -> store::Result<()> {
    let Ending { actor, reason, origin, mut details } = ending;
    details["reason"] = json!(reason.as_str());
    let event = AuditEvent {
        action: Action::TokenFamilyRevoked,
        outcome: Outcome::Success,
        actor,
        target_kind: "device",
        target_id: Some(device.to_string()),
        origin,
        details,
    };
    audit::record(app, db, tenant, &event).await?;
    metrics::counter!("latchkey_token_families_revoked_total", "reason" => reason.as_str()).increment(1);
    Ok(())
}
