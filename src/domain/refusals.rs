//! Attempts that were refused are written down as well, but not without end.

use chrono::TimeDelta;
use serde_json::json;

use super::audit;
use crate::app::App;
use crate::model::attempt_budget::{Guard, Refill};
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome, Target};
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::store;

/// How many refusals are written down for one address. Whoever may not do something could otherwise fill the trail.
const WRITTEN_REFUSALS: Guard =
    Guard { name: "refusal/address", capacity: 10.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };

/// Whether another refusal of this address may be written down now; it counts as written.
pub(super) fn may_be_written(app: &App, origin: &RequestOrigin) -> bool {
    app.refusal_buckets.pay(&WRITTEN_REFUSALS, origin.limit_unit(), app.clock.now()).is_ok()
}

#[derive(Debug)]
pub struct Refusal<'a> {
    pub actor: Actor,
    pub attempt: String,
    pub status: u16,
    /// The answer's word for what is wrong.
    pub error: &'a str,
}

/// Writes down that something was refused, unless too much was written down for this address lately.
pub async fn record(
    app: &App,
    tenant: TenantId,
    refusal: Refusal<'_>,
    origin: &RequestOrigin,
) -> store::Result<()> {
    if !may_be_written(app, origin) {
        return Ok(());
    }
    let event = AuditEvent {
        action: Action::AdministrationRefused,
        outcome: Outcome::Refused,
        actor: refusal.actor,
        target: Target::Endpoint(refusal.attempt.chars().take(256).collect()),
        origin: Some(origin),
        details: json!({"status": refusal.status, "error": refusal.error}),
    };
    audit::record(app, tenant, event).await
}
