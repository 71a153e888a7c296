//! Step 4: the person says yes or no (RFC 8628 §3.3).

use serde_json::json;

use super::choices::{ChoiceRefused, Choices};
use super::open::{self, OpenRefused, consent};
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::domain::{audit, sign_in};
use crate::model::approver::Approver;
use crate::model::attempt_budget::Exhausted;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::ids::DeviceSessionId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_sessions::decisions;

/// The person's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes, and in which shape.
    Approve(Choices),
    /// No.
    Deny,
}

/// Why a decision is not taken.
#[derive(Debug)]
pub enum DecisionRefused {
    /// It was decided before, it expired, or this approver does not have it open.
    AlreadyHandled,
    /// The person signed in too long ago to approve.
    StaleSignIn,
    /// Too many wrong codes before.
    TooManyAttempts(Exhausted),
    /// What they chose cannot be had (any more).
    Choice(ChoiceRefused),
    /// Something failed.
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for DecisionRefused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<OpenRefused> for DecisionRefused {
    fn from(refused: OpenRefused) -> Self {
        match refused {
            OpenRefused::NoSuchCode => Self::AlreadyHandled,
            OpenRefused::TooManyAttempts(exhausted) => Self::TooManyAttempts(exhausted),
            OpenRefused::StaleSignIn => Self::StaleSignIn,
            OpenRefused::Failed(error) => Self::Failed(error),
        }
    }
}

/// Takes the decision of the person who has the session open: once, whatever else happens at the same moment.
pub async fn decide(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    id: DeviceSessionId,
    decision: Decision,
    origin: &RequestOrigin,
) -> Result<(), DecisionRefused> {
    if matches!(decision, Decision::Approve(_)) && !sign_in::is_recent(app, &approver.authentication) {
        return Err(DecisionRefused::StaleSignIn);
    }
    let consent = consent(app, tenant, approver, id).await?.ok_or(DecisionRefused::AlreadyHandled)?;
    let client_id = consent.client.client_id.as_str();
    let now = app.clock.now();
    let mut transaction = app.db.begin().await?;
    let (taken, action, details) = match decision {
        Decision::Approve(choices) => {
            let grant = consent.offer.shape(choices).map_err(DecisionRefused::Choice)?;
            (
                decisions::approve(&mut *transaction, id, approver, &grant, now).await?,
                Action::DeviceSessionApproved,
                json!({
                    "scopes": grant.scopes.to_vec(),
                    "client_id": client_id,
                    "trusted": grant.trusted,
                    "device_name": grant.device_name,
                    "lifetime_seconds": grant.lifetime_seconds,
                }),
            )
        }
        Decision::Deny => (
            decisions::deny(&mut *transaction, id, approver, now).await?,
            Action::DeviceSessionDenied,
            json!({"client_id": client_id}),
        ),
    };
    let code = taken.ok_or(DecisionRefused::AlreadyHandled)?;
    announce(&mut *transaction, Announcement::Decided(code)).await?;
    let event = AuditEvent {
        action,
        outcome: Outcome::Success,
        actor: Actor::User(approver.user.id),
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

/// Takes the decision of a person who names the code together with it: opens it for them, and decides. A choice that
/// cannot be had is refused before the code counts as opened.
pub async fn decide_on_code(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    input: &str,
    decision: Decision,
    origin: &RequestOrigin,
) -> Result<(), DecisionRefused> {
    if let Decision::Approve(choices) = &decision {
        let consent = open::read(app, tenant, approver, input, origin).await?;
        consent.offer.shape(choices.clone()).map_err(DecisionRefused::Choice)?;
    }
    let id = open::open(app, tenant, approver, input, origin).await?;
    decide(app, tenant, approver, id, decision, origin).await
}
