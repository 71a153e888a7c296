//! The scope catalogue.

use serde_json::json;

use super::audit;
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::ids::TenantId;
use crate::model::scope::Scope;
use crate::store::{self, scopes};

/// Adds a scope to the catalogue; `false`: the name is taken.
pub async fn create(app: &App, tenant: TenantId, scope: &Scope) -> store::Result<bool> {
    let mut transaction = app.db.begin().await?;
    if !scopes::insert(&mut *transaction, tenant, scope, app.clock.now()).await? {
        return Ok(false);
    }
    let role = scope.required_role.as_ref().map(ToString::to_string);
    let event = AuditEvent {
        action: Action::ScopeCreated,
        outcome: Outcome::Success,
        actor: Actor::Operator,
        target_kind: "scope",
        target_id: Some(scope.name.clone()),
        origin: None,
        details: json!({"required_role": role}),
    };
    audit::record(app, &mut *transaction, tenant, &event).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(true)
}
