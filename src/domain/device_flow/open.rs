//! Step 3: a signed-in user enters a user code and sees the request (RFC 8628 §3.3).
//!
//! Every failure gets the same message, so that no one learns which codes are live.

use super::claim::{self, Verdict};
use super::consent::{Consent, asked_of};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::guards::{Judged, PaidAttempt};
use crate::domain::oauth_error::OAuthError;
use crate::domain::sign_in::strength::{self, StrengthError};
use crate::domain::{audit, guards, mac_keys};
use crate::model::approver::Approver;
use crate::model::attempt_budget::TooManyAttemptsError;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome, Target};
use crate::model::device_authorization::{CodeArrival, DeviceRequest};
use crate::model::ids::DeviceAuthorizationId;
use crate::model::request_origin::{RequestOrigin, limit_unit};
use crate::model::tenant::Tenant;
use crate::model::user_code::UserCode;
use crate::store::StoreError;
use crate::store::device_authorizations::decisions;
use crate::store::device_authorizations::openings::{Claim, Opening};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// Why a code does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such code, or none that can be opened.
    #[error("no such code")]
    NoSuchCode,
    /// The code is right, and another account has it open.
    #[error("open for another user")]
    HeldElsewhere {
        /// How long the other account keeps it without a request.
        left: TimeDelta,
    },
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttemptsError),
    /// The person must prove better who they are.
    #[error(transparent)]
    SignInNeeded(#[from] StrengthError),
    #[error(transparent)]
    Failed(#[from] OAuthError),
}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// How often a code is looked up again that someone else opened at the same moment.
pub(super) const TRIES: u32 = 3;

/// A code as found by a user who may look up codes, and whose attempt is reserved.
pub(super) struct Found {
    pub(super) attempt: PaidAttempt,
    pub(super) opening: Opening,
    pub(super) verdict: Verdict,
}

/// The outcome of opening a code.
pub(super) enum Entered {
    /// The approver has it open. The attempt still has to be settled.
    Open(Box<PaidAttempt>),
    /// It has changed since it was looked up.
    Changed,
}

/// Looks up the code that `input` spells. An attempt that finds nothing is charged.
pub(super) async fn find(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    input: &str,
    origin: &RequestOrigin,
) -> Result<Found, OpenError> {
    strength::must_meet(app, approver, strength::demanded_of(app, &approver.user))?;
    // A malformed code is looked up like any other, so that it takes the same time.
    let code = UserCode::parse(input);
    let mac = match &code {
        Ok(code) => mac_keys::codes::user_code(app, tenant.id, code).await?,
        Err(_) => [0; 32],
    };
    let (attempt, opening) = match guards::enter_code(app, tenant.id, approver.user.id, mac, origin).await? {
        Ok(found) => found,
        Err(exhausted) => {
            record_refusal(app, tenant, approver, origin, "too many attempts").await?;
            return Err(exhausted.into());
        }
    };
    let Some(opening) = opening else {
        attempt.refuse(app, refusal(approver, origin, "no such code")).await?;
        return Err(OpenError::NoSuchCode);
    };
    let verdict = claim::judge(&opening, approver.user.id, app.clock.now());
    Ok(Found { attempt, opening, verdict })
}

/// Opens the code that `input` spells for this approver. Each wrong attempt counts.
pub async fn open(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    input: &str,
    arrival: CodeArrival,
    origin: &RequestOrigin,
) -> Result<DeviceAuthorizationId, OpenError> {
    for _ in 0..TRIES {
        let found = find(app, tenant, approver, input, origin).await?;
        let id = found.opening.request.session.id;
        match enter(app, tenant, approver, found, arrival, origin).await? {
            Entered::Open(attempt) => {
                attempt.give_back(app);
                return Ok(id);
            }
            Entered::Changed => {}
        }
    }
    Err(StoreError::Overloaded.into())
}

/// Opens what was found, if it may be opened.
pub(super) async fn enter(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    found: Found,
    arrival: CodeArrival,
    origin: &RequestOrigin,
) -> Result<Entered, OpenError> {
    let Found { attempt, opening, verdict } = found;
    let shortfall = match verdict {
        Verdict::Open => match must_suit_client(app, tenant, approver, &opening.request).await {
            Ok(suits) => suits.err(),
            Err(error) => {
                attempt.refund(app);
                return Err(error.into());
            }
        },
        Verdict::Held { .. } | Verdict::Unavailable | Verdict::Kill => None,
    };
    let is_opened = verdict == Verdict::Open && shortfall.is_none();
    let (action, outcome) = match verdict {
        Verdict::Kill => (Action::DeviceAuthorizationDenied, Outcome::Success),
        _ if is_opened => (Action::DeviceAuthorizationOpened, Outcome::Success),
        _ => (Action::DeviceAuthorizationOpened, Outcome::Refused),
    };
    let event = AuditEvent {
        action,
        outcome,
        actor: Actor::User(approver.user.id),
        target: Target::DeviceAuthorization(opening.request.session.id),
        origin: Some(origin),
        details: json!({
            "verdict": verdict.as_str(),
            "opened_before": opening.opened_count,
            "taken_over": verdict == Verdict::Open
                && opening.held_by.is_some_and(|holder| holder.user != approver.user.id),
            "arrival": arrival,
            "shortfall": shortfall.map(|shortfall| shortfall.to_string()),
        }),
    };
    match verdict {
        Verdict::Open if is_opened => {
            let recorded = claim_code(app, tenant, approver, &opening, arrival, event.details, origin).await;
            match recorded {
                Ok(true) => Ok(Entered::Open(Box::new(attempt))),
                Ok(false) => {
                    attempt.give_back(app);
                    Ok(Entered::Changed)
                }
                Err(error) => {
                    attempt.refund(app);
                    Err(error.into())
                }
            }
        }
        Verdict::Open => {
            let recorded = audit::record(app, tenant.id, event).await;
            attempt.give_back(app);
            recorded?;
            shortfall.map_or(Ok(Entered::Changed), |shortfall| Err(shortfall.into()))
        }
        Verdict::Held { left } => {
            if let Err(error) = audit::record(app, tenant.id, event).await {
                attempt.refund(app);
                return Err(error.into());
            }
            Err(held_elsewhere(app, approver, attempt, left).await?)
        }
        // A user who had it open before does not guess: they repeat a request that got no answer.
        Verdict::Unavailable if opening.request.opened_by == Some(approver.id) => {
            let recorded = audit::record(app, tenant.id, event).await;
            attempt.give_back(app);
            recorded?;
            Err(OpenError::NoSuchCode)
        }
        Verdict::Unavailable => {
            attempt.refuse(app, event).await?;
            Err(OpenError::NoSuchCode)
        }
        Verdict::Kill => {
            let killed = kill(app, tenant, &opening, event, &attempt).await;
            attempt.settle(app, if killed.is_ok() { Judged::Charged } else { Judged::Unanswered });
            killed?;
            Err(OpenError::NoSuchCode)
        }
    }
}

/// Notes that the approver has it open. Returns `false` if it is not as it was found any more.
async fn claim_code(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    opening: &Opening,
    arrival: CodeArrival,
    details: Value,
    origin: &RequestOrigin,
) -> Result<bool, StoreError> {
    let (request, at) = (&opening.request, app.clock.now());
    let claim = Claim {
        tenant: tenant.id,
        id: request.session.id,
        opened_count: opening.opened_count,
        opened_by: request.opened_by,
        asked_from: request.ip_address.map(limit_unit),
        approver: approver.id,
        user: approver.user.id,
        arrival,
        audit: audit::event_key(app, tenant.id, at).await?,
        details,
        origin: origin.clone(),
        at,
    };
    Ok(app.queues.claims.submit(claim).await?.is_some())
}

/// Denies a code that was opened too often.
async fn kill(
    app: &App,
    tenant: &Tenant,
    opening: &Opening,
    event: AuditEvent<'_>,
    attempt: &PaidAttempt,
) -> Result<(), StoreError> {
    let (id, by) = (opening.request.session.id, By { actor: event.actor, origin: event.origin });
    let mut change = Change::begin(app, tenant.id, &by).await?;
    if decisions::kill(&mut *change, tenant.id, id, app.clock.now()).await? {
        change.denied(&[id]).await?;
    }
    change.audit_by(&by, (event.action, event.outcome), event.target, event.details).await?;
    attempt.charge(&mut *change).await?;
    change.commit().await
}

/// What a person is told who typed the right code while another account has it open. It costs them no guess, unless
/// they come back too often: then the code is like any other that does not work.
async fn held_elsewhere(
    app: &App,
    approver: &Approver,
    attempt: PaidAttempt,
    left: TimeDelta,
) -> Result<OpenError, StoreError> {
    let told = guards::forgive_held_code(app, approver.user.id, attempt).await?;
    Ok(if told { OpenError::HeldElsewhere { left } } else { OpenError::NoSuchCode })
}

/// What the request's client demands of the sign-in; nothing, when it is gone.
async fn must_suit_client(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    request: &DeviceRequest,
) -> Result<Result<(), StrengthError>, StoreError> {
    let client = app.cached.client(&app.db, tenant.id, request.session.client_id.as_str()).await?;
    let Some(client) = client else { return Ok(Ok(())) };
    let demand = strength::demanded_for(app, tenant, &client, &approver.user);
    Ok(strength::must_meet(app, approver, demand))
}

/// What the code that `input` spells asks for, for whoever could open it, if it comes to them like this. Reading changes
/// nothing of it; only what is no such code counts as a guess.
pub async fn read(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    input: &str,
    arrival: CodeArrival,
    origin: &RequestOrigin,
) -> Result<Consent, OpenError> {
    let found = find(app, tenant, approver, input, origin).await?;
    let Found { attempt, opening, .. } = must_wait(app, tenant, approver, found, origin).await?;
    attempt.give_back(app);
    let consent = asked_of(app, tenant, approver, opening.request).await?.ok_or(OpenError::NoSuchCode)?;
    Ok(Consent { arrival: consent.arrival.or(arrival), ..consent })
}

/// Requires that what was found waits for this account.
pub(super) async fn must_wait(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    found: Found,
    origin: &RequestOrigin,
) -> Result<Found, OpenError> {
    let reason = "not waiting for this account";
    let had_it_open = found.opening.request.opened_by == Some(approver.id);
    match found.verdict {
        Verdict::Open => Ok(found),
        Verdict::Held { left } => {
            if let Err(error) = record_refusal(app, tenant, approver, origin, reason).await {
                found.attempt.refund(app);
                return Err(error.into());
            }
            Err(held_elsewhere(app, approver, found.attempt, left).await?)
        }
        Verdict::Unavailable if had_it_open => {
            let recorded = record_refusal(app, tenant, approver, origin, reason).await;
            found.attempt.give_back(app);
            recorded?;
            Err(OpenError::NoSuchCode)
        }
        Verdict::Unavailable | Verdict::Kill => {
            found.attempt.refuse(app, refusal(approver, origin, reason)).await?;
            Err(OpenError::NoSuchCode)
        }
    }
}

pub(super) async fn record_refusal(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    origin: &RequestOrigin,
    reason: &str,
) -> Result<(), StoreError> {
    audit::record(app, tenant.id, refusal(approver, origin, reason)).await
}

pub(super) fn refusal<'a>(approver: &Approver, origin: &'a RequestOrigin, reason: &str) -> AuditEvent<'a> {
    AuditEvent {
        action: Action::UserCodeEntered,
        outcome: Outcome::Refused,
        actor: Actor::User(approver.user.id),
        target: Target::UserCode,
        origin: Some(origin),
        details: json!({"reason": reason}),
    }
}
