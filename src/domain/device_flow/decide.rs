//! Step 4: the person says yes or no (RFC 8628 §3.3).

use serde_json::json;

use super::open::consent;
use super::precautions::require;
use crate::app::App;
use crate::domain::approval::{Assessment, Step};
use crate::domain::oauth_error::OAuthError;
use crate::domain::{audit, sign_in};
use crate::model::attempt_budget::Exhausted;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::browser_session::BrowserSession;
use crate::model::confirmation_code::ConfirmationCode;
use crate::model::ids::DeviceSessionId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_sessions::{confirmations, decisions};

/// The person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// What became of a decision.
#[derive(Debug)]
pub enum Decided {
    /// It counts.
    Done,
    /// The approval counts once the device sends this.
    ToBeConfirmed(ConfirmationCode),
}

/// Why a decision is not taken.
#[derive(Debug)]
pub enum DecisionRefused {
    /// It was decided before, it expired, or this browser does not have it open.
    AlreadyHandled,
    /// The person must sign in anew: they did so too long ago, or before this code was made, which looks like
    /// phishing.
    StaleSignIn,
    /// The person must type the code.
    MustRetype,
    /// What the person typed is not the code.
    WrongCode,
    /// Too many wrong codes before.
    TooManyAttempts(Exhausted),
    /// It looks so much like phishing, or the policy is such, that nobody can approve it. It is denied.
    Forbidden(Box<Assessment>),
    /// Something failed.
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for DecisionRefused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Takes the decision of the person who has the session open in this browser: once, whatever else happens at
/// the same moment. `typed` is the code, where the person must type it to approve.
pub async fn decide(
    app: &App,
    tenant: &Tenant,
    browser: &BrowserSession,
    id: DeviceSessionId,
    decision: Decision,
    typed: Option<&str>,
    origin: &RequestOrigin,
) -> Result<Decided, DecisionRefused> {
    if decision == Decision::Approve && !sign_in::is_fresh(app, browser) {
        return Err(DecisionRefused::StaleSignIn);
    }
    let consent = consent(app, tenant.id, browser, id).await?.ok_or(DecisionRefused::AlreadyHandled)?;
    // What the page showed may be out of date, or never have been shown.
    let assessment = match decision {
        Decision::Approve => Some(require(app, tenant, browser, &consent, typed, origin).await?),
        Decision::Deny => None,
    };
    let confirmation = assessment
        .as_ref()
        .filter(|assessment| assessment.needs(Step::Confirm))
        .map(|_| ConfirmationCode::sample(&app.random));
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
            json!({
                "scopes": scopes.to_vec(),
                "client_id": consent.client.client_id.as_str(),
                "risk": assessment,
                "to_be_confirmed": confirmation.is_some(),
            }),
        ),
        Decision::Deny => (
            decisions::deny(&mut *transaction, id, browser.id, browser.user.id, now).await?,
            Action::DeviceSessionDenied,
            json!({"client_id": consent.client.client_id.as_str()}),
        ),
    };
    let code = taken.ok_or(DecisionRefused::AlreadyHandled)?;
    match &confirmation {
        // To the device nothing has changed yet.
        Some(characters) => {
            let mac = app.secrets.confirmation_mac(id, characters);
            confirmations::await_confirmation(&mut *transaction, id, mac).await?;
        }
        None => announce(&mut *transaction, Announcement::Decided(code)).await?,
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
    metrics::counter!("latchkey_device_sessions_decided_total", "decision" => action.as_str()).increment(1);
    if let Some(characters) = confirmation {
        return Ok(Decided::ToBeConfirmed(characters));
    }
    app.sessions.decided(&code);
    Ok(Decided::Done)
}
