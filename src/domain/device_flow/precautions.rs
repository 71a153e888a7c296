//! Step 4, before a yes counts: what the person must do first, by how much the approval looks like phishing
//! (RFC 8628 §5.4). It is judged anew when the form arrives: whatever the page showed, or did not.

use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::consent::Consent;
use super::decide::DecisionError;
use super::open::refusal;
use crate::app::App;
use crate::domain::approval::{Approving, Assessment, Finding, Reason, Step, assess};
use crate::domain::audit::By;
use crate::domain::campaigns::Testimony;
use crate::domain::change::Change;
use crate::domain::guards::PaidAttempt;
use crate::domain::sign_in::strength::StrengthError;
use crate::domain::{campaigns, guards, policies};
use crate::model::approver::Approver;
use crate::model::audit_event::{Action, Outcome, Target};
use crate::model::policy::approval::Verdict;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::user_code::UserCode;
use crate::store::device_authorizations::decisions;
use crate::store::source_accounts::Contact;

/// Judges an approval, and insists on what the person must do first. A code that cannot be approved is denied.
pub(super) async fn require(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    (typed, entry): (Option<&str>, &mut Option<PaidAttempt>),
    origin: &RequestOrigin,
) -> Result<Assessment, DecisionError> {
    let mut assessment = assess(app, tenant, &Approving::of(approver, origin), consent).await?;
    count(&assessment);
    if assessment.verdict == Verdict::Deny {
        forbid(app, tenant, approver, consent, ("risk", json!(assessment)), origin).await?;
        return Err(DecisionError::Forbidden(Box::new(assessment)));
    }
    if assessment.needs(Step::Reauthenticate) {
        return Err(DecisionError::SignInNeeded(StrengthError::SignIn));
    }
    if assessment.needs(Step::Retype) {
        retype(app, tenant, approver, consent, (typed, entry), origin).await?;
    }
    if is_campaign(app, tenant, approver, consent, (&assessment, origin)).await? {
        assessment.reasons.push(Finding { reason: Reason::FrozenSource, verdict: Verdict::Deny });
        assessment.verdict = Verdict::Deny;
        forbid(app, tenant, approver, consent, ("risk", json!(assessment)), origin).await?;
        return Err(DecisionError::Forbidden(Box::new(assessment)));
    }
    Ok(assessment)
}

fn count(assessment: &Assessment) {
    let (mode, verdict) = (assessment.mode.as_str(), assessment.unenforced().as_str());
    let count = |reason: &'static str| {
        metrics::counter!("latchkey_approval_assessments_total", "mode" => mode, "verdict" => verdict,
                          "reason" => reason)
        .increment(1);
    };
    match assessment.reasons.as_slice() {
        [] => count("none"),
        reasons => reasons.iter().for_each(|finding| count(finding.reason.as_str())),
    }
}

/// Insists that the person types the code that the page came with. A wrong one counts as a guess.
async fn retype(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    (typed, entry): (Option<&str>, &mut Option<PaidAttempt>),
    origin: &RequestOrigin,
) -> Result<(), DecisionError> {
    let typed = typed.filter(|text| !text.trim().is_empty()).ok_or(DecisionError::MustRetype)?;
    let attempt = match entry.take() {
        Some(attempt) => attempt,
        None => guards::pay_for_code_entry(app, tenant.id, approver.user.id, origin)
            .await?
            .map_err(DecisionError::TooManyAttempts)?,
    };
    let is_right = UserCode::parse(typed)
        .is_ok_and(|code| code.as_str().as_bytes().ct_eq(consent.user_code.as_str().as_bytes()).into());
    if !is_right {
        attempt.refuse(app, refusal(approver, origin, "not the code that was opened")).await?;
        return Err(DecisionError::WrongCode);
    }
    attempt.give_back(app);
    Ok(())
}

/// Notes an approval from far away against the source, and whether that makes it a campaign.
async fn is_campaign(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    (assessment, origin): (&Assessment, &RequestOrigin),
) -> Result<bool, DecisionError> {
    let policy = policies::effective(app, tenant, &consent.client).approval;
    let facts = &assessment.facts;
    let is_strange = facts.is_far(policy.far_km) && !facts.has_known_key();
    let Some(asker) = consent.request.ip_address.filter(|_| is_strange) else { return Ok(false) };
    let mut change = Change::begin(app, tenant.id, &By::user(approver.user.id, origin)).await?;
    let (user, browser) = (approver.user.id, origin.ip_address);
    let testimony = Testimony { user, contact: Contact::ApprovedFromFar, asker, browser };
    let is_frozen = campaigns::note(&mut change, tenant.id, testimony, &policy).await?;
    change.commit().await?;
    Ok(is_frozen)
}

/// Denies a request of which the approver may grant nothing: a device is not connected for nothing of what it wants.
pub(super) async fn leave_something(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    origin: &RequestOrigin,
) -> Result<(), DecisionError> {
    if !consent.leaves_nothing {
        return Ok(());
    }
    let withheld: Vec<_> = consent.withheld.iter().map(|scope| scope.name.as_str()).collect();
    forbid(app, tenant, approver, consent, ("withheld", json!(withheld)), origin).await?;
    Err(DecisionError::NothingToGrant)
}

/// Denies what cannot be approved, and writes down why.
async fn forbid(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    consent: &Consent,
    (reason, details): (&str, Value),
    origin: &RequestOrigin,
) -> Result<(), DecisionError> {
    let id = consent.request.session.id;
    let by = By::user(approver.user.id, origin);
    let mut change = Change::begin(app, tenant.id, &by).await?;
    if decisions::kill(&mut *change, tenant.id, id, app.clock.now()).await? {
        change.denied(&[id]).await?;
    }
    let details = json!({"client_id": consent.client.client_id.as_str(), reason: details});
    let refused = (Action::DeviceAuthorizationApproved, Outcome::Refused);
    change.audit_by(&by, refused, Target::DeviceAuthorization(id), details).await?;
    Ok(change.commit().await?)
}
