//! Writing the audit trail.

use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use sqlx::PgExecutor;

use crate::app::App;
use crate::model::attempt_budget::{Guard, Refill};
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::store::{self, audit_events};

/// Who has something changed, and from where.
#[derive(Debug)]
pub struct By<'a> {
    /// Who.
    pub actor: Actor,
    /// From where; `None` for the command line and the server itself.
    pub origin: Option<&'a RequestOrigin>,
}

impl By<'static> {
    /// Whoever runs the command line.
    pub const OPERATOR: &'static Self = &Self { actor: Actor::Operator, origin: None };
    /// The server itself, because it is time.
    pub const SERVER: &'static Self = &Self { actor: Actor::Server, origin: None };
}

/// How many refusals are written down. Whoever may not do this could otherwise fill the audit trail for nothing.
pub const WRITTEN_REFUSALS: Guard =
    Guard { name: "refusal/address", capacity: 10.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };

/// Writes down that somebody known asked for what they may not, unless there were many such attempts from there lately.
pub async fn record_refusal(
    app: &App,
    tenant: TenantId,
    actor: Actor,
    origin: &RequestOrigin,
    asked: Value,
) -> store::Result<()> {
    if app.refusal_buckets.pay(&WRITTEN_REFUSALS, origin.limit_unit(), app.clock.now()).is_err() {
        return Ok(());
    }
    let event = AuditEvent {
        action: Action::RequestRefused,
        outcome: Outcome::Refused,
        actor,
        target_kind: "endpoint",
        target_id: None,
        origin: Some(origin),
        details: asked,
    };
    record(app, &app.db, tenant, &event).await
}

/// What is different after a change: the members of two descriptions of one thing that are not the same.
#[must_use]
pub fn difference(before: &Value, after: &Value) -> Value {
    let changed = |of: &Value, than: &Value| -> Map<String, Value> {
        let members = of.as_object().into_iter().flatten();
        members
            .filter(|(name, value)| than.get(name) != Some(value))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    json!({"before": changed(before, after), "after": changed(after, before)})
}

/// Writes an event; give it the transaction of the change it tells of.
pub async fn record(
    app: &App,
    db: impl PgExecutor<'_>,
    tenant: TenantId,
    event: &AuditEvent<'_>,
) -> store::Result<()> {
    let now = app.clock.now();
    audit_events::insert(db, app.random.uuid_v7(now), tenant, event, now).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_tells_only_what_changed() {
        let (before, after) = (json!({"a": 1, "b": [2], "c": 3}), json!({"a": 1, "b": [3], "d": 4}));
        let told = json!({"before": {"b": [2], "c": 3}, "after": {"b": [3], "d": 4}});
        assert_eq!(difference(&before, &after), told);
        assert_eq!(difference(&before, &before), json!({"before": {}, "after": {}}));
    }
}
