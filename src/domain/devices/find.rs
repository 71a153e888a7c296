//! An owner looks at one device: by its identifier, or by the user code of one that is not connected yet.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{DeviceError, Owner};
use crate::app::App;
use crate::domain::device_flow::claim::left_of_claim;
use crate::domain::{audit, guards, mac_keys};
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome, Target};
use crate::model::device::{Device, DeviceStatus};
use crate::model::device_authorization::{DeviceRequest, Phase};
use crate::model::ids::{DeviceId, UserId};
use crate::model::user_code::UserCode;
use crate::store::device_authorizations::openings::Opening;
use crate::store::devices;

/// The owner's device with this identifier.
pub async fn by_id(app: &App, owner: Owner<'_>, id: DeviceId) -> Result<Device, DeviceError> {
    let found = devices::find(&app.db, owner.tenant.id, owner.user, id, app.clock.now()).await?;
    found.ok_or(DeviceError::NotFound)
}

/// What waits behind the code that `input` spells. Each attempt counts as if the code were entered, a right one is
/// given back; which codes are live, nobody learns otherwise. Looking changes nothing.
pub async fn by_user_code(app: &App, owner: Owner<'_>, input: &str) -> Result<Device, DeviceError> {
    // A malformed code is looked up like any other, so that it takes the same time.
    let code = UserCode::parse(input);
    let mac = match &code {
        Ok(code) => mac_keys::codes::user_code(app, owner.tenant.id, code).await?,
        Err(_) => [0; 32],
    };
    let found = guards::enter_code(app, owner.tenant.id, owner.user, mac, owner.origin).await?;
    let (attempt, opening) = match found {
        Ok(found) => found,
        Err(exhausted) => {
            let event = refusal(owner, "too many attempts");
            audit::record(app, owner.tenant.id, event).await?;
            return Err(exhausted.into());
        }
    };
    let now = app.clock.now();
    let is_held = opening.as_ref().is_some_and(|opening| is_held_elsewhere(owner.user, opening, now));
    if let Some(device) = opening.and_then(|opening| seen_by(owner.user, opening, now)) {
        attempt.give_back(app);
        return Ok(device);
    }
    if !is_held {
        attempt.refuse(app, refusal(owner, "no such code")).await?;
        return Err(DeviceError::NotFound);
    }
    if let Err(error) = audit::record(app, owner.tenant.id, refusal(owner, "no such code")).await {
        attempt.refund(app);
        return Err(error.into());
    }
    guards::forgive_held_code(app, owner.user, attempt).await?;
    Err(DeviceError::NotFound)
}

/// Whether the code waits, and another account has it open.
fn is_held_elsewhere(user: UserId, opening: &Opening, now: DateTime<Utc>) -> bool {
    let is_waiting = matches!(opening.request.session.phase(now), Phase::Pending);
    is_waiting && opening.held_by.is_some_and(|holder| left_of_claim(holder, user, now).is_some())
}

/// The rule: a code that waits is seen by whoever knows it, unless another account has it open; one that was approved,
/// by whoever approved it.
fn seen_by(user: UserId, opening: Opening, now: DateTime<Utc>) -> Option<Device> {
    let Opening { request, held_by, .. } = opening;
    let (status, user_id, updated_at) = match request.session.phase(now) {
        Phase::Pending if held_by.and_then(|holder| left_of_claim(holder, user, now)).is_none() => {
            (DeviceStatus::Pending, None, request.created_at)
        }
        Phase::Approved(approval) if approval.user_id == user => {
            (DeviceStatus::Approved, Some(user), approval.at)
        }
        _ => return None,
    };
    let DeviceRequest { session, device, user_agent, ip_address, place, created_at, .. } = request;
    Some(Device {
        id: session.id.0,
        user_id,
        client_id: session.client_id,
        description: device,
        user_agent,
        authorization_id: session.id,
        ip_address,
        place,
        trusted: false,
        status,
        locked_by_administrator: false,
        created_at,
        updated_at,
        last_login_at: None,
        last_seen_at: None,
        unusual_at: None,
        expires_at: session.expires_at,
        version: 1,
    })
}

fn refusal<'a>(owner: Owner<'a>, reason: &str) -> AuditEvent<'a> {
    AuditEvent {
        action: Action::UserCodeEntered,
        outcome: Outcome::Refused,
        actor: Actor::User(owner.user),
        target: Target::UserCode,
        origin: Some(owner.origin),
        details: json!({"reason": reason}),
    }
}

/// What names a device: its identifier, or its user code.
#[must_use]
pub fn identifier(text: &str) -> Option<DeviceId> {
    Uuid::try_parse(text).ok().map(DeviceId)
}
