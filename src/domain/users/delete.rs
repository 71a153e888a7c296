//! An account is deleted.

use serde_json::json;

use super::end::end_connections;
use super::rules::{UserError, Which, check_admins, find, shown};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::model::audit_event::{Action, Target};
use crate::model::ids::TenantId;
use crate::model::token_family::RevocationReason;
use crate::model::version::MeantFor;
use crate::store::users::{self, Account};

/// Deletes an account with all that is theirs. The audit trail stays, and so does the rule that an identifier is
/// never given to anybody else.
pub async fn delete(
    app: &App,
    tenant: TenantId,
    which: impl Into<Which<'_>>,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<(), UserError> {
    let mut change = Change::begin(app, tenant, by).await?;
    let admins = users::lock_admins(&mut *change, tenant).await?;
    let Account { user, version, .. } = find(&mut change, tenant, which.into()).await?;
    meant_for.check(version)?;
    check_admins(&admins, &user, None, by)?;
    let ended = end_connections(&mut change, &user, RevocationReason::UserDisabled).await?;
    users::delete(&mut *change, tenant, user.id).await.map_err(|error| {
        if error.violates("clients_tenant_id_owner_user_id_fkey") {
            UserError::OwnsClients
        } else {
            error.into()
        }
    })?;
    let details = json!({"before": shown(&user), "ended": ended.counts()});
    change.audit(Action::UserDeleted, Target::User(Some(user.id)), details).await?;
    Ok(change.commit().await?)
}
