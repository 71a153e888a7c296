//! Writing the audit trail.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::domain::mac_keys;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::audit_mac::EventStamp;
use crate::model::ids::{ClientId, TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::secrets::MacKey;
use crate::store::audit_events::NewEvent;
use crate::store::event_keys::EventKey;
use crate::store::{self, Executor, audit_events};

/// Who brings a change about, and from where.
#[derive(Clone, Debug)]
pub struct By<'a> {
    pub actor: Actor,
    /// From where; `None` for the command line and the server itself.
    pub origin: Option<&'a RequestOrigin>,
}

impl<'a> By<'a> {
    /// An operator on the command line.
    pub const OPERATOR: By<'static> = By { actor: Actor::Operator, origin: None };
    pub const SERVER: By<'static> = By { actor: Actor::Server, origin: None };

    /// Somebody unknown.
    #[must_use]
    pub const fn anyone(origin: &'a RequestOrigin) -> Self {
        Self { actor: Actor::Anyone, origin: Some(origin) }
    }

    /// A client that has proved who it is, or whose token was presented.
    #[must_use]
    pub fn client(client: &ClientId, origin: &'a RequestOrigin) -> Self {
        Self { actor: Actor::Client(client.clone()), origin: Some(origin) }
    }

    /// A signed-in person.
    #[must_use]
    pub fn user(user: UserId, origin: &'a RequestOrigin) -> Self {
        Self { actor: Actor::User(user), origin: Some(origin) }
    }
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

/// Writes an event that changes nothing else.
///
/// # Errors
/// If the database does not answer.
pub async fn record(app: &App, tenant: TenantId, event: AuditEvent<'_>) -> store::Result<()> {
    record_in(app, &app.db, tenant, &event).await
}

/// Writes an event in the transaction of a change.
pub(super) async fn record_in(
    app: &App,
    db: impl Executor<'_>,
    tenant: TenantId,
    event: &AuditEvent<'_>,
) -> store::Result<()> {
    let now = app.clock.now();
    let stamp = prepared(app, tenant, event, now).await?;
    audit_events::insert(db, &stamp, tenant, event, now).await
}

/// Returns the event for a statement that also does what the event records.
pub async fn prepare<'a>(app: &App, tenant: TenantId, event: AuditEvent<'a>) -> store::Result<NewEvent<'a>> {
    prepare_at(app, tenant, event, app.clock.now()).await
}

/// The same for a second event of a statement, which has the time of the first.
pub async fn prepare_at<'a>(
    app: &App,
    tenant: TenantId,
    event: AuditEvent<'a>,
    at: DateTime<Utc>,
) -> store::Result<NewEvent<'a>> {
    let stamp = prepared(app, tenant, &event, at).await?;
    Ok(NewEvent { stamp, tenant, event, at })
}

async fn prepared(
    app: &App,
    tenant: TenantId,
    event: &AuditEvent<'_>,
    at: DateTime<Utc>,
) -> store::Result<EventStamp> {
    if event.outcome == Outcome::Refused
        && matches!(event.action, Action::SignIn | Action::SecondFactorChecked)
    {
        log_failed_sign_in(tenant, event);
    }
    let key = match app.cached.audit_key_at_hand(tenant) {
        Some(key) => key,
        None => mac_keys::audit(app, tenant).await?,
    };
    Ok(stamp_with(&key, app, tenant, event.action, event.outcome, event.origin, at))
}

/// Returns a new ID for an event that is written at `at`, with the key for its code.
///
/// # Errors
/// If the tenant's audit key is not in memory and cannot be read.
pub async fn stamp(
    app: &App,
    tenant: TenantId,
    action: Action,
    outcome: Outcome,
    origin: Option<&RequestOrigin>,
    at: DateTime<Utc>,
) -> store::Result<EventStamp> {
    let key = mac_keys::audit(app, tenant).await?;
    Ok(stamp_with(&key, app, tenant, action, outcome, origin, at))
}

/// Returns a new ID for an event that is written soon after `at`, with the inputs of its MAC.
///
/// # Errors
/// If the tenant's audit key is not in memory and cannot be read.
pub async fn event_key(app: &App, tenant: TenantId, at: DateTime<Utc>) -> store::Result<EventKey> {
    Ok(EventKey { id: app.random.uuid_v7(at), key: mac_keys::audit(app, tenant).await? })
}

fn stamp_with(
    key: &Arc<MacKey>,
    app: &App,
    tenant: TenantId,
    action: Action,
    outcome: Outcome,
    origin: Option<&RequestOrigin>,
    at: DateTime<Utc>,
) -> EventStamp {
    let key = EventKey { id: app.random.uuid_v7(at), key: Arc::clone(key) };
    key.stamp(tenant, (action, outcome), origin, at)
}

/// Writes a log line; the name that was entered is not in it, for people enter passwords there.
fn log_failed_sign_in(tenant: TenantId, event: &AuditEvent<'_>) {
    tracing::info!(
        %tenant,
        user_id = event.target.id(),
        step = event.action.as_str(),
        reason = event.details["reason"].as_str(),
        source = event.origin.map(|origin| origin.ip_address.to_string()),
        request_id = event.origin.map(|origin| origin.request_id.to_string()),
        "sign-in failed"
    );
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
