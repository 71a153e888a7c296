//! An administrator ends a session that waits for a decision: its device hears `access_denied` (RFC 8628 §3.5).

use serde_json::json;

use crate::app::App;
use crate::domain::activity;
use crate::domain::audit::{self, By};
use crate::model::audit_event::{Action, AuditEvent, Outcome};
use crate::model::device_authorization_status::DeviceAuthorizationStatus;
use crate::model::ids::{DeviceAuthorizationId, TenantId};
use crate::store::StoreError;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_authorizations::decisions;
use crate::store::device_authorizations::listings::{self, Listed};

/// Why a session is not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndRefused {
    #[error("device authorization not found")]
    NoSuchSession,
    /// The device authorization is no longer pending.
    #[error("it is {}", .0.as_str())]
    NotPending(DeviceAuthorizationStatus),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for EndRefused {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Ends a pending session, on every server; what became of it.
pub async fn end(
    app: &App,
    tenant: TenantId,
    id: DeviceAuthorizationId,
    by: &By<'_>,
) -> Result<Listed, EndRefused> {
    let now = app.clock.now();
    let mut transaction = app.begin(tenant).await?;
    let ended = decisions::end(&mut *transaction, tenant, id, now).await?;
    let found = listings::find(&mut *transaction, tenant, id).await?.ok_or(EndRefused::NoSuchSession)?;
    let session = &found.request.session;
    if !ended {
        return Err(EndRefused::NotPending(session.phase(now).into()));
    }
    announce(&mut *transaction, Announcement::Decided(id)).await?;
    let event = AuditEvent {
        action: Action::DeviceAuthorizationDenied,
        outcome: Outcome::Success,
        actor: by.actor.clone(),
        target_kind: "device_authorization",
        target_id: Some(id.to_string()),
        origin: by.origin,
        details: json!({
            "client_id": session.client_id.as_str(),
            "by_administrator": true,
            "before": {"status": DeviceAuthorizationStatus::Pending.as_str()},
            "after": {"status": DeviceAuthorizationStatus::Denied.as_str()},
        }),
    };
    audit::record(app, &mut *transaction, tenant, &event).await?;
    transaction.commit().await?;
    app.sessions.decided(&id);
    activity::count_denials(app, tenant, 1);
    Ok(found)
}
