//! Step 3: a signed-in person enters a user code and sees what it stands for (RFC 8628 §3.3).
//!
//! Whatever is wrong with a code, the person is told the same: nobody learns which codes are live.

use chrono::TimeDelta;
use serde_json::json;
use sqlx::{Postgres, Transaction};

use super::claim::{self, Verdict};
use super::consent::{Consent, asked_of};
use crate::app::App;
use crate::domain::guards::PaidAttempt;
use crate::domain::oauth_error::OAuthError;
use crate::domain::sign_in::strength::{self, Shortfall};
use crate::domain::{activity, audit, guards, mac_keys, sign_in};
use crate::model::approver::Approver;
use crate::model::attempt_budget::Exhausted;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::device_authorization::{CodeArrival, DeviceRequest};
use crate::model::ids::{DeviceAuthorizationId, UserId};
use crate::model::request_origin::{RequestOrigin, limit_unit};
use crate::model::tenant::Tenant;
use crate::model::user_code::UserCode;
use crate::store::StoreError;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_authorizations::decisions;
use crate::store::device_authorizations::openings::{self, Opening};
use crate::store::source_accounts::{self, Contact};

/// Why a code does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenRefused {
    /// There is no such code, or none that can be opened.
    #[error("no such code")]
    NoSuchCode,
    /// The code is right, and another account has it open.
    #[error("open in another account")]
    HeldElsewhere {
        /// How long the other account keeps it without a request.
        left: TimeDelta,
    },
    /// Too many wrong codes before.
    #[error(transparent)]
    TooManyAttempts(#[from] Exhausted),
    /// The person must prove better who they are.
    #[error(transparent)]
    SignInNeeded(#[from] Shortfall),
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] OAuthError),
}

impl From<StoreError> for OpenRefused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<sqlx::Error> for OpenRefused {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// A code as somebody finds it who may look for codes, and who has paid for it.
struct Found {
    transaction: Transaction<'static, Postgres>,
    attempt: PaidAttempt,
    opening: Opening,
    verdict: Verdict,
}

/// Looks for the code that `input` spells. Each attempt counts until it is given back.
async fn find(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    input: &str,
    origin: &RequestOrigin,
) -> Result<Found, OpenRefused> {
    strength::must_meet(app, approver, strength::demanded_of(app, &approver.user))?;
    let attempt = match guards::pay_for_code_entry(app, tenant.id, approver.user.id, origin).await? {
        Ok(attempt) => attempt,
        Err(exhausted) => {
            record_refusal(app, tenant, approver, origin, "too many attempts").await?;
            return Err(exhausted.into());
        }
    };
    // A malformed code is looked up like any other, so that it takes the same time.
    let code = UserCode::parse(input);
    let mac = match &code {
        Ok(code) => mac_keys::codes::user_code(app, tenant.id, code).await?,
        Err(_) => [0; 32],
    };
    let now = app.clock.now();
    let mut transaction = app.begin(tenant.id).await?;
    let opening = openings::lock(&mut transaction, tenant.id, mac, now, sign_in::idle_limit(app)).await?;
    let verdict = opening.as_ref().map(|opening| claim::judge(opening, approver.user.id, now));
    let (Some(opening), Some(verdict)) = (opening, verdict) else {
        drop(transaction);
        record_refusal(app, tenant, approver, origin, "no such code").await?;
        return Err(OpenRefused::NoSuchCode);
    };
    Ok(Found { transaction, attempt, opening, verdict })
}

/// Opens the code that `input` spells for this approver. Each attempt counts, a right one is given back.
pub async fn open(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    input: &str,
    arrival: CodeArrival,
    origin: &RequestOrigin,
) -> Result<DeviceAuthorizationId, OpenRefused> {
    let Found { mut transaction, attempt, opening, verdict } =
        find(app, tenant, approver, input, origin).await?;
    let (id, now) = (opening.request.session.id, app.clock.now());
    let shortfall = match verdict {
        Verdict::Open => must_suit_client(app, tenant, approver, &opening.request).await?.err(),
        Verdict::Held { .. } | Verdict::Unavailable | Verdict::Kill => None,
    };
    let mut killed = false;
    let (action, outcome) = match verdict {
        Verdict::Open if shortfall.is_some() => (Action::DeviceAuthorizationOpened, Outcome::Refused),
        Verdict::Open => {
            openings::record(&mut transaction, id, approver, arrival, now).await?;
            remember_contact(&mut transaction, approver.user.id, &opening.request, now).await?;
            (Action::DeviceAuthorizationOpened, Outcome::Success)
        }
        Verdict::Held { .. } | Verdict::Unavailable => (Action::DeviceAuthorizationOpened, Outcome::Refused),
        Verdict::Kill => {
            killed = decisions::kill(&mut *transaction, tenant.id, id, now).await?;
            if killed {
                announce(&mut *transaction, Announcement::Decided(id)).await?;
            }
            (Action::DeviceAuthorizationDenied, Outcome::Success)
        }
    };
    let event = AuditEvent {
        action,
        outcome,
        actor: Actor::User(approver.user.id),
        target_kind: "device_authorization",
        target_id: Some(id.to_string()),
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
    audit::record(app, &mut *transaction, tenant.id, &event).await?;
    match verdict {
        Verdict::Open => {
            attempt.give_back(&mut transaction).await?;
            transaction.commit().await?;
            shortfall.map_or(Ok(id), |shortfall| Err(shortfall.into()))
        }
        Verdict::Held { left } => {
            transaction.commit().await?;
            Err(held_elsewhere(app, approver, attempt, left).await?)
        }
        Verdict::Unavailable | Verdict::Kill => {
            transaction.commit().await?;
            if killed {
                app.sessions.decided(&id);
                activity::count_denials(app, tenant.id, 1);
            }
            Err(OpenRefused::NoSuchCode)
        }
    }
}

/// What a person is told who typed the right code while another account has it open. It costs them no guess, unless
/// they come back too often: then the code is like any other that does not work.
async fn held_elsewhere(
    app: &App,
    approver: &Approver,
    attempt: PaidAttempt,
    left: TimeDelta,
) -> Result<OpenRefused, StoreError> {
    let told = guards::forgive_held_code(app, approver.user.id, attempt).await?;
    Ok(if told { OpenRefused::HeldElsewhere { left } } else { OpenRefused::NoSuchCode })
}

/// What the request's client demands of the sign-in; nothing, when it is gone.
async fn must_suit_client(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    request: &DeviceRequest,
) -> Result<Result<(), Shortfall>, StoreError> {
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
) -> Result<Consent, OpenRefused> {
    let Found { mut transaction, attempt, opening, verdict } =
        find(app, tenant, approver, input, origin).await?;
    if verdict != Verdict::Open {
        drop(transaction);
        record_refusal(app, tenant, approver, origin, "not waiting for this account").await?;
        return Err(match verdict {
            Verdict::Held { left } => held_elsewhere(app, approver, attempt, left).await?,
            _ => OpenRefused::NoSuchCode,
        });
    }
    attempt.give_back(&mut transaction).await?;
    transaction.commit().await?;
    let consent = asked_of(app, tenant, approver, opening.request).await?.ok_or(OpenRefused::NoSuchCode)?;
    Ok(Consent { arrival: consent.arrival.or(arrival), ..consent })
}

/// Many strangers who open codes of one source make a campaign.
async fn remember_contact(
    db: &mut sqlx::PgConnection,
    user: UserId,
    request: &DeviceRequest,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(), StoreError> {
    let Some(source) = request.ip_address.map(limit_unit) else { return Ok(()) };
    source_accounts::note(db, request.session.tenant_id, source, user, (Contact::Opened, 0), now).await
}

pub(super) async fn record_refusal(
    app: &App,
    tenant: &Tenant,
    approver: &Approver,
    origin: &RequestOrigin,
    reason: &str,
) -> Result<(), StoreError> {
    let event = AuditEvent {
        action: Action::UserCodeEntered,
        outcome: Outcome::Refused,
        actor: Actor::User(approver.user.id),
        target_kind: "user_code",
        target_id: None,
        origin: Some(origin),
        details: json!({"reason": reason}),
    };
    audit::record(app, &app.db, tenant.id, &event).await
}
