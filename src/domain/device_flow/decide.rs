//! Step 4: the person says yes or no (RFC 8628 §3.3).

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::choices::{ChoiceError, Choices};
use super::claim::Verdict;
use super::consent::{Consent, asked_of, consent};
use super::open::{self, Entered, OpenError};
use super::precautions::{leave_something, require};
use super::repetition;
use crate::app::App;
use crate::domain::approval::{Assessment, Step};
use crate::domain::guards::PaidAttempt;
use crate::domain::oauth_error::OAuthError;
use crate::domain::sign_in::strength::{self, StrengthError};
use crate::domain::{activity, approval_notices, audit, mac_keys};
use crate::model::approver::Approver;
use crate::model::attempt_budget::TooManyAttemptsError;
use crate::model::confirmation_code::ConfirmationCode;
use crate::model::device_authorization::CodeArrival;
use crate::model::ids::DeviceAuthorizationId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::StoreError;
use crate::store::device_authorizations::decisions::{self, NewApproval, ShapedGrant};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Approve(Choices),
    Deny,
}

#[derive(Debug)]
pub enum Decided {
    Done,
    /// The approval counts once the device sends this.
    ToBeConfirmed(ConfirmationCode),
}

/// Why a decision is not taken.
#[derive(Debug)]
pub enum DecisionError {
    /// It was decided before, it expired, or this approver does not have it open.
    AlreadyHandled,
    HeldElsewhere {
        /// How long it keeps it without a request.
        left: TimeDelta,
    },
    /// The person must prove better who they are to approve, or anew.
    SignInNeeded(StrengthError),
    /// The person must type the code.
    MustRetype,
    /// What the person typed is not the code.
    WrongCode,
    TooManyAttempts(TooManyAttemptsError),
    /// It looks so much like phishing, or the policy is such, that nobody can approve it. It is denied.
    Forbidden(Box<Assessment>),
    /// The account may grant nothing of what the device asks for. It is denied.
    NothingToGrant,
    /// What they chose cannot be had (any more).
    Choice(ChoiceError),
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for DecisionError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl From<OpenError> for DecisionError {
    fn from(refused: OpenError) -> Self {
        match refused {
            OpenError::NoSuchCode => Self::AlreadyHandled,
            OpenError::HeldElsewhere { left } => Self::HeldElsewhere { left },
            OpenError::TooManyAttempts(exhausted) => Self::TooManyAttempts(exhausted),
            OpenError::SignInNeeded(shortfall) => Self::SignInNeeded(shortfall),
            OpenError::Failed(error) => Self::Failed(error),
        }
    }
}

/// What a person answers, and how.
#[derive(Debug)]
pub struct Answer<'a> {
    pub decision: Decision,
    /// The code, where the person must type it to approve.
    pub typed: Option<&'a str>,
    /// The person's language (RFC 5646), in which they are told of a yes by mail.
    pub language: &'a str,
}

/// Records the decision of the user who opened the request. Succeeds at most once.
pub async fn decide(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    id: DeviceAuthorizationId,
    answer: Answer<'_>,
    origin: &RequestOrigin,
) -> Result<Decided, DecisionError> {
    let found = consent(app, tenant, approver, id).await?.ok_or(DecisionError::AlreadyHandled)?;
    if let Some(decided) = repetition::outcome(app, tenant, approver, &found, &answer.decision).await? {
        return Ok(decided);
    }
    decide_or_repeat(app, tenant, approver, &found, answer, &mut None, origin).await
}

/// Takes the decision on what the person has open, unless the same decision, sent before, is stored meanwhile.
async fn decide_or_repeat(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    answer: Answer<'_>,
    entry: &mut Option<PaidAttempt>,
    origin: &RequestOrigin,
) -> Result<Decided, DecisionError> {
    let (id, decision) = (consent.request.session.id, answer.decision.clone());
    let decided = decide_on(app, tenant, approver, consent, answer, entry, origin).await;
    if !matches!(decided, Err(DecisionError::AlreadyHandled)) {
        return decided;
    }
    let repeated = repetition::find(app, tenant, approver, id, &decision).await?;
    repeated.ok_or(DecisionError::AlreadyHandled)
}

/// Takes the decision on what the person has open. `entry` is the attempt by which they entered the code, if that is not
/// settled yet; it stands for typing the code once more, too.
async fn decide_on(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    answer: Answer<'_>,
    entry: &mut Option<PaidAttempt>,
    origin: &RequestOrigin,
) -> Result<Decided, DecisionError> {
    let Answer { decision, typed, language } = answer;
    match decision {
        Decision::Approve(choices) => {
            // The sign-in that opened the request may be too old by now, or the policy may have changed.
            let demand = strength::demanded_for(app, tenant, &consent.client, &approver.user);
            strength::must_meet(app, approver, demand).map_err(DecisionError::SignInNeeded)?;
            // What the page showed may be out of date, or never have been shown.
            leave_something(app, tenant, approver, consent, origin).await?;
            let grant = shape(consent, &choices)?;
            let assessment = require(app, tenant, approver, consent, (typed, entry), origin).await?;
            approve(app, tenant, approver, consent, &grant, (&assessment, language), origin).await
        }
        Decision::Deny => deny(app, tenant, approver, consent, origin).await,
    }
}

async fn approve(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    grant: &ShapedGrant,
    (assessment, language): (&Assessment, &str),
    origin: &RequestOrigin,
) -> Result<Decided, DecisionError> {
    let id = consent.request.session.id;
    let confirmation = if assessment.needs(Step::Confirm) {
        Some(mac_keys::codes::confirmation_code_for(app, tenant.id, id, approver.id).await?)
    } else {
        None
    };
    let mac = match &confirmation {
        Some(characters) => Some(mac_keys::codes::confirmation_code(app, tenant.id, id, characters).await?),
        None => None,
    };
    let details = json!({
        "scopes": grant.scopes.to_vec(),
        "client_id": consent.client.client_id.as_str(),
        "trusted": grant.trusted,
        "device_name": grant.device_name,
        "lifetime_seconds": grant.lifetime_seconds,
        "auth_time": approver.authentication.auth_time,
        "acr": approver.authentication.acr(),
        "risk": assessment,
        "to_be_confirmed": confirmation.is_some(),
    });
    let notice =
        approval_notices::of_approval(app, approver, consent, grant.device_name.as_deref(), language);
    let authentication = approver.authentication.clone();
    let approval = NewApproval { grant: grant.clone(), authentication, confirmation: mac, notice };
    take(app, tenant, approver, (id, Some(approval)), details, origin).await?;
    activity::count_approval(app, tenant.id);
    if let Some(characters) = confirmation {
        // To the device nothing has changed yet.
        return Ok(Decided::ToBeConfirmed(characters));
    }
    app.sessions.decided(&id);
    Ok(Decided::Done)
}

async fn deny(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    origin: &RequestOrigin,
) -> Result<Decided, DecisionError> {
    let id = consent.request.session.id;
    let details = json!({"client_id": consent.client.client_id.as_str()});
    take(app, tenant, approver, (id, None), details, origin).await?;
    activity::count_denials(app, tenant.id, 1);
    app.sessions.decided(&id);
    Ok(Decided::Done)
}

async fn take(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    (id, approval): (DeviceAuthorizationId, Option<NewApproval>),
    details: Value,
    origin: &RequestOrigin,
) -> Result<(), DecisionError> {
    let at = app.clock.now();
    let decision = decisions::Decision {
        tenant: tenant.id,
        id,
        approver: approver.id,
        user: approver.user.id,
        approval: approval.map(Box::new),
        audit: audit::event_key(app, tenant.id, at).await?,
        details,
        origin: origin.clone(),
        at,
    };
    let taken = app.observe(app.queues.decisions.submit(decision).await)?;
    taken.ok_or(DecisionError::AlreadyHandled)
}

/// Returns the grant of these choices.
pub(super) fn shape(consent: &Consent, choices: &Choices) -> Result<ShapedGrant, DecisionError> {
    let Consent { offer, beyond_token, .. } = consent;
    let asks_beyond_token = match &choices.scopes {
        Some(scopes) => scopes.iter().any(|name| beyond_token.contains(name)),
        None => offer.grantable.is_empty() && !beyond_token.is_empty(),
    };
    if asks_beyond_token {
        return Err(DecisionError::Choice(ChoiceError::BeyondToken));
    }
    offer.shape(choices.clone()).map_err(DecisionError::Choice)
}

/// A code that a front end of the operator's own names together with the decision.
#[derive(Clone, Copy, Debug)]
pub struct NamedCode<'a> {
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
) -> Result<Decided, DecisionError> {
    let NamedCode { input, arrival, retyped } = code;
    for _ in 0..open::TRIES {
        let mut found = open::find(app, tenant, approver, input, origin).await?;
        if found.verdict == Verdict::Unavailable {
            let id = found.opening.request.session.id;
            match repetition::find(app, tenant, approver, id, &decision).await {
                Ok(None) => {}
                Ok(Some(decided)) => {
                    found.attempt.give_back(app);
                    return Ok(decided);
                }
                Err(error) => {
                    found.attempt.refund(app);
                    return Err(error.into());
                }
            }
        }
        if matches!(decision, Decision::Approve(_)) {
            found = open::must_wait(app, tenant, approver, found, origin).await?;
        }
        let request = found.opening.request.clone();
        let consent = match asked_of(app, tenant, approver, request).await {
            Ok(consent) => consent,
            Err(error) => {
                found.attempt.refund(app);
                return Err(error.into());
            }
        };
        let Some(consent) = consent else {
            found.attempt.give_back(app);
            return Err(DecisionError::AlreadyHandled);
        };
        if let Decision::Approve(choices) = &decision
            && let Err(refused) = shape(&consent, choices)
        {
            found.attempt.give_back(app);
            return Err(refused);
        }
        let Entered::Open(attempt) = open::enter(app, tenant, approver, found, arrival, origin).await? else {
            continue;
        };
        let consent = Consent { arrival: consent.arrival.or(arrival), ..consent };
        let answer = Answer { decision, typed: retyped, language };
        let mut entry = Some(*attempt);
        let decided = decide_or_repeat(app, tenant, approver, &consent, answer, &mut entry, origin).await;
        // The code was right, whatever else was wrong.
        if let Some(attempt) = entry {
            attempt.give_back(app);
        }
        return decided;
    }
    Err(StoreError::Overloaded.into())
}
