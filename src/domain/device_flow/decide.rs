//! Step 4: the person says yes or no (RFC 8628 §3.3).

use chrono::TimeDelta;
use serde_json::json;

use super::choices::{ChoiceRefused, Choices};
use super::consent::{Consent, consent};
use super::open::{self, OpenRefused};
use super::precautions::{leave_something, require};
use crate::app::App;
use crate::domain::approval::{Assessment, Step};
use crate::domain::oauth_error::OAuthError;
use crate::domain::sign_in::strength::{self, Shortfall};
use crate::domain::{activity, approval_notices, audit, mac_keys};
use crate::model::approver::Approver;
use crate::model::attempt_budget::Exhausted;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::confirmation_code::ConfirmationCode;
use crate::model::device_authorization::CodeArrival;
use crate::model::ids::DeviceAuthorizationId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_authorizations::decisions::ShapedGrant;
use crate::store::device_authorizations::{confirmations, decisions};

/// The person's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes, and in which shape.
    Approve(Choices),
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
    /// It was decided before, it expired, or this approver does not have it open.
    AlreadyHandled,
    /// Another account has it open.
    HeldElsewhere {
        /// How long it keeps it without a request.
        left: TimeDelta,
    },
    /// The person must prove better who they are to approve, or anew.
    SignInNeeded(Shortfall),
    /// The person must type the code.
    MustRetype,
    /// What the person typed is not the code.
    WrongCode,
    /// Too many wrong codes before.
    TooManyAttempts(Exhausted),
    /// It looks so much like phishing, or the policy is such, that nobody can approve it. It is denied.
    Forbidden(Box<Assessment>),
    /// The account may grant nothing of what the device asks for. It is denied.
    NothingToGrant,
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
            OpenRefused::HeldElsewhere { left } => Self::HeldElsewhere { left },
            OpenRefused::TooManyAttempts(exhausted) => Self::TooManyAttempts(exhausted),
            OpenRefused::SignInNeeded(shortfall) => Self::SignInNeeded(shortfall),
            OpenRefused::Failed(error) => Self::Failed(error),
        }
    }
}

/// What a person answers, and how.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Yes or no.
    pub decision: Decision,
    /// The code, where the person must type it to approve.
    pub typed: Option<&'a str>,
    /// The person's language (RFC 5646), in which they are told of a yes by mail.
    pub language: &'a str,
}

/// Takes the decision of the person who has the session open: once, whatever else happens at the same moment.
pub async fn decide(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    id: DeviceAuthorizationId,
    answer: Answer<'_>,
    origin: &RequestOrigin,
) -> Result<Decided, DecisionRefused> {
    let Answer { decision, typed, language } = answer;
    let consent = consent(app, tenant, approver, id).await?.ok_or(DecisionRefused::AlreadyHandled)?;
    if matches!(decision, Decision::Approve(_)) {
        // What was enough to open the request may be too old by now, or the policy another.
        let demand = strength::demanded_for(app, tenant, &consent.client, &approver.user);
        strength::must_meet(app, approver, demand).map_err(DecisionRefused::SignInNeeded)?;
    }
    let client_id = consent.client.client_id.as_str();
    // What the page showed may be out of date, or never have been shown.
    let assessment = match &decision {
        Decision::Approve(choices) => {
            leave_something(app, tenant, approver, &consent, origin).await?;
            shape(&consent, choices)?;
            Some(require(app, tenant, approver, &consent, typed, origin).await?)
        }
        Decision::Deny => None,
    };
    let confirmation = assessment
        .as_ref()
        .filter(|assessment| assessment.needs(Step::Confirm))
        .map(|_| ConfirmationCode::sample(&app.random));
    let now = app.clock.now();
    let mut transaction = app.begin(tenant.id).await?;
    let (taken, action, details) = match decision {
        Decision::Approve(choices) => {
            let grant = shape(&consent, &choices)?;
            let taken = decisions::approve(&mut *transaction, id, approver, &grant, now).await?;
            if taken {
                let device_name = grant.device_name.as_deref();
                approval_notices::lay_by(app, &mut transaction, approver, &consent, device_name, language)
                    .await?;
            }
            (
                taken,
                Action::DeviceAuthorizationApproved,
                json!({
                    "scopes": grant.scopes.to_vec(),
                    "client_id": client_id,
                    "trusted": grant.trusted,
                    "device_name": grant.device_name,
                    "lifetime_seconds": grant.lifetime_seconds,
                    "auth_time": approver.authentication.auth_time,
                    "acr": approver.authentication.acr(),
                    "risk": assessment,
                    "to_be_confirmed": confirmation.is_some(),
                }),
            )
        }
        Decision::Deny => (
            decisions::deny(&mut *transaction, id, approver, now).await?,
            Action::DeviceAuthorizationDenied,
            json!({"client_id": client_id}),
        ),
    };
    if !taken {
        return Err(DecisionRefused::AlreadyHandled);
    }
    match &confirmation {
        // To the device nothing has changed yet.
        Some(characters) => {
            let mac = mac_keys::codes::confirmation_code(app, tenant.id, id, characters).await?;
            confirmations::await_confirmation(&mut *transaction, tenant.id, id, mac).await?;
        }
        None => announce(&mut *transaction, Announcement::Decided(id)).await?,
    }
    let event = AuditEvent {
        action,
        outcome: Outcome::Success,
        actor: Actor::User(approver.user.id),
        target_kind: "device_authorization",
        target_id: Some(id.to_string()),
        origin: Some(origin),
        details,
    };
    audit::record(app, &mut *transaction, tenant.id, &event).await?;
    transaction.commit().await?;
    match assessment {
        Some(_) => activity::count_approval(app, tenant.id),
        None => activity::count_denials(app, tenant.id, 1),
    }
    if let Some(characters) = confirmation {
        return Ok(Decided::ToBeConfirmed(characters));
    }
    app.sessions.decided(&id);
    Ok(Decided::Done)
}

/// Returns the grant of these choices.
fn shape(consent: &Consent, choices: &Choices) -> Result<ShapedGrant, DecisionRefused> {
    let Consent { offer, beyond_token, .. } = consent;
    let asks_beyond_token = match &choices.scopes {
        Some(scopes) => scopes.iter().any(|name| beyond_token.contains(name)),
        None => offer.grantable.is_empty() && !beyond_token.is_empty(),
    };
    if asks_beyond_token {
        return Err(DecisionRefused::Choice(ChoiceRefused::BeyondToken));
    }
    offer.shape(choices.clone()).map_err(DecisionRefused::Choice)
}

/// A code that a front end of the operator's own names together with the decision.
#[derive(Clone, Copy, Debug)]
pub struct NamedCode<'a> {
    /// The code.
    pub input: &'a str,
    /// How it came to the front end, as far as that says so.
    pub arrival: CodeArrival,
    /// The code as the person read it off the device, if the front end had them type it.
    pub retyped: Option<&'a str>,
}

/// Takes the decision of a person who names the code together with it: opens it for them, and decides. A choice that
/// cannot be had is refused before the code counts as opened.
pub async fn decide_on_code(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    code: NamedCode<'_>,
    decision: Decision,
    language: &str,
    origin: &RequestOrigin,
) -> Result<Decided, DecisionRefused> {
    let NamedCode { input, arrival, retyped } = code;
    if let Decision::Approve(choices) = &decision {
        let consent = open::read(app, tenant, approver, input, arrival, origin).await?;
        shape(&consent, choices)?;
    }
    let id = open::open(app, tenant, approver, input, arrival, origin).await?;
    let answer = Answer { decision, typed: retyped, language };
    decide(app, tenant, approver, id, answer, origin).await
}
