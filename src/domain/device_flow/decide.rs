//! Step 4: the person says yes or no (RFC 8628 §3.3).

use serde_json::json;

use super::open::consent;
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::domain::{approval_notices, audit, sign_in};
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::browser_session::BrowserSession;
use crate::model::ids::DeviceSessionId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_sessions::decisions;

/// The person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// Why a decision is not taken.
#[derive(Debug)]
pub enum DecisionRefused {
    /// It was decided before, it expired, or this browser does not have it open.
    AlreadyHandled,
    /// The person signed in too long ago to approve.
    StaleSignIn,
    /// Something failed.
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for DecisionRefused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Takes the decision of the person who has the session open in this browser: once, whatever else happens at
/// the same moment. Of a yes, the person is told in this language (RFC 5646) by mail.
pub async fn decide(
    app: &App,
    tenant: &Tenant,
    browser: &BrowserSession,
    id: DeviceSessionId,
    decision: Decision,
    origin: &RequestOrigin,
    language: &str,
) -> Result<(), DecisionRefused> {
    if decision == Decision::Approve && !sign_in::is_fresh(app, browser) {
        return Err(DecisionRefused::StaleSignIn);
    }
    let consent = consent(app, tenant.id, browser, id).await?.ok_or(DecisionRefused::AlreadyHandled)?;
    let scopes = consent.scope_names();
    let now = app.clock.now();
    let mut transaction = app.db.begin().await?;
    let (taken, action, details) = match decision {
        Decision::Approve => (
            decisions::approve(
                &mut *transaction,
                id,
                browser.id,
                browser.user.id,
                &scopes,
                &browser.authentication,
                now,
            )
            .await?,
            Action::DeviceSessionApproved,
            json!({"scopes": scopes.to_vec(), "client_id": consent.client.client_id.as_str()}),
        ),
        Decision::Deny => (
            decisions::deny(&mut *transaction, id, browser.id, browser.user.id, now).await?,
            Action::DeviceSessionDenied,
            json!({"client_id": consent.client.client_id.as_str()}),
        ),
    };
    let code = taken.ok_or(DecisionRefused::AlreadyHandled)?;
    announce(&mut *transaction, Announcement::Decided(code)).await?;
    if decision == Decision::Approve {
        approval_notices::lay_by(app, &mut transaction, browser, &consent, language).await?;
    }
    let event = AuditEvent {
        action,
        outcome: Outcome::Success,
        actor: Actor::User(browser.user.id),
        target_kind: "device_session",
        target_id: Some(id.to_string()),
        origin: Some(origin),
        details,
    };
    audit::record(app, &mut *transaction, tenant.id, &event).await?;
    transaction.commit().await?;
    app.sessions.decided(&code);
    metrics::counter!("latchkey_device_sessions_decided_total", "decision" => action.as_str()).increment(1);
    Ok(())
}
