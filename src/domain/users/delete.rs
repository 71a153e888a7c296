//! An account is deleted.

use serde_json::json;

use super::end::end_connections;
use super::{UserError, Which, check_admins, event, find, shown};
use crate::app::App;
use crate::domain::audit::{self, By};
use crate::model::audit_event::Action;
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
    let mut transaction = app.begin(tenant).await?;
    let admins = users::lock_admins(&mut *transaction, tenant).await?;
    let Account { user, version, .. } = find(&mut transaction, tenant, which.into()).await?;
    meant_for.check(version)?;
    check_admins(&admins, &user, None, by)?;
    let ended = end_connections(app, &mut transaction, &user, RevocationReason::UserDisabled).await?;
    users::delete(&mut *transaction, tenant, user.id).await.map_err(|error| {
        if error.violates("clients_tenant_id_owner_user_id_fkey") {
            UserError::OwnsClients
        } else {
            error.into()
        }
    })?;
    let details = json!({"before": shown(&user), "ended": ended.counts()});
    audit::record(app, &mut *transaction, tenant, &event(Action::UserDeleted, user.id, by, details)).await?;
    transaction.commit().await?;
    ended.tell_memory(app);
    Ok(())
}
