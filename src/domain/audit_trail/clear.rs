//! Old events are cleared away with their seals, oldest first. The last of these seals stays, marked by a code that
//! only a server can make: the chain begins there, and verifies as before.

use chrono::{DateTime, Utc};

use crate::app::App;
use crate::domain::mac_keys::audit_keys::{AuditKeys, GRACE};
use crate::model::audit_seal::{Mac, clearing_message};
use crate::model::ids::TenantId;
use crate::store::{self, audit_seals, mac_keys};

/// Deletes the events of one seal of each tenant that are all older than `before`. Returns the number of events, or 0 if
/// there is no such seal.
pub async fn clear_one_of_each(app: &App, before: DateTime<Utc>) -> store::Result<u64> {
    let mut gone = 0;
    for tenant in audit_seals::with_outdated(&app.db, before).await? {
        gone += clear_one(app, tenant, before).await?;
    }
    Ok(gone)
}

async fn clear_one(app: &App, tenant: TenantId, before: DateTime<Utc>) -> store::Result<u64> {
    let mut transaction = audit_seals::begin(&app.db).await?;
    let outdated = audit_seals::outdated(&mut *transaction, tenant, before).await?;
    let Some(stored) = outdated else { return Ok(0) };
    let Ok(mac) = Mac::try_from(&stored.mac[..]) else {
        tracing::error!(%tenant, number = stored.seal.number, "audit seal corrupted; not deleted");
        return Ok(0);
    };
    let keys = AuditKeys::read(app, &mut *transaction, tenant).await?;
    let Some(cleared_mac) = keys.code(&clearing_message(&mac)) else {
        tracing::error!(%tenant, "audit key missing; audit events not deleted");
        return Ok(0);
    };
    let gone = audit_seals::clear(&mut transaction, &stored.seal, &cleared_mac).await?;
    mac_keys::delete_retired_audit_keys(&mut *transaction, tenant, before - GRACE).await?;
    transaction.commit().await?;
    // A seal whose events were removed by someone else counts too.
    Ok(gone.max(1))
}
