//! An administrator ends a session that waits for a decision: its device hears `access_denied` (RFC 8628 §3.5).

use serde_json::json;

use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::model::audit_event::{Action, Target};
use crate::model::device_authorization_status::DeviceAuthorizationStatus;
use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::store::StoreError;
use crate::store::device_authorizations::decisions;
use crate::store::device_authorizations::listings::{self, Listed};

/// Why a session is not ended.
#[derive(Debug, thiserror::Error)]
pub enum DenyError {
    #[error("device authorization not found")]
    NoSuchSession,
    /// The device authorization is no longer pending.
    #[error("it is {}", .0.as_str())]
    NotPending(DeviceAuthorizationStatus),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Ends a pending session, on every server; what became of it.
pub async fn end(
    app: &App,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    by: &By<'_>,
) -> Result<Listed, DenyError> {
    let now = app.clock.now();
    let mut change = Change::begin(app, tenant, by).await?;
    let ended = decisions::end(&mut *change, tenant, id, now).await?;
    let found = listings::find(&mut *change, tenant, id).await?.ok_or(DenyError::NoSuchSession)?;
    let session = &found.request.session;
    if !ended {
        return Err(DenyError::NotPending(session.phase(now).into()));
    }
    change.denied(&[id]).await?;
    let details = json!({
        "client_id": session.client_id.as_str(),
        "by_administrator": true,
        "before": {"status": DeviceAuthorizationStatus::Pending.as_str()},
        "after": {"status": DeviceAuthorizationStatus::Denied.as_str()},
    });
    let target = Target::DeviceAuthorization(id);
    change.audit(Action::DeviceAuthorizationDenied, target, details).await?;
    change.commit().await?;
    Ok(found)
}
