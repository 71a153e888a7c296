//! Which roles there are in a tenant: a role that nothing asks for is a typing error.

use super::rules::UserError;
use crate::app::App;
use crate::model::ids::TenantId;
use crate::model::policy::PolicyChanges;
use crate::model::user::Role;
use crate::store::{self, Connection, clients, scopes};

/// Fails where one of `roles` is unknown in the tenant.
pub(super) async fn check(
    app: &App,
    db: &mut Connection,
    tenant: TenantId,
    roles: &[Role],
) -> Result<(), UserError> {
    let standard = |role: &Role| matches!(role, Role::Admin | Role::Auditor);
    if roles.iter().all(standard) {
        return Ok(());
    }
    let known = known(app, db, tenant).await?;
    match roles.iter().find(|role| !known.contains(role)) {
        None => Ok(()),
        Some(unknown) => Err(UserError::UnknownRole {
            role: unknown.to_string(),
            known: known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        }),
    }
}

/// The roles that Latchkey itself, a scope, a setting or a policy of a client asks for.
async fn known(app: &App, db: &mut Connection, tenant: TenantId) -> store::Result<Vec<Role>> {
    let mut known = vec![Role::Admin, Role::Auditor];
    known.extend(app.config.clients.owner_role.clone());
    known.extend(app.config.sign_in.second_factor_for_roles.iter().cloned());
    known.extend(app.config.policy.approval.excluded_roles.iter().filter_map(|role| role.parse().ok()));
    let scopes = scopes::all(&mut *db, tenant).await?;
    known.extend(scopes.into_iter().filter_map(|scope| scope.required_role));
    for (_, changes) in clients::policies(&mut *db, tenant).await? {
        known.extend(excluded(&changes));
    }
    known.sort();
    known.dedup();
    Ok(known)
}

fn excluded(changes: &PolicyChanges) -> Vec<Role> {
    let roles = changes.0.get("approval").and_then(|approval| approval.get("excluded_roles"));
    let roles = roles.and_then(|roles| roles.as_array()).into_iter().flatten();
    roles.filter_map(|role| role.as_str()?.parse().ok()).collect()
}
