//! The second factor: an authenticator app (RFC 6238), and recovery codes for the day it is lost.

pub mod enrol;
pub mod recovery_codes;
pub mod remove;

use serde_json::json;

use super::audit::By;
use super::change::Change;
use super::guards::{Judged, PaidAttempt, Payment};
use super::oauth_error::OAuthError;
use super::sign_in::strength::{self, StrengthError};
use super::{audit, guards, mac_keys, sign_in};
use crate::app::App;
use crate::model::attempt_budget::TooManyAttemptsError;
use crate::model::audit_event::{Action, Outcome};
use crate::model::browser_session::BrowserSession;
use crate::model::guessing::Trier;
use crate::model::ids::{TenantId, UserId};
use crate::model::recovery_code::RecoveryCode;
use crate::model::request_origin::RequestOrigin;
use crate::model::totp::{TimeStep, TotpSecret};
use crate::model::user::User;
use crate::store::totp_secrets::StoredTotp;
use crate::store::{self, totp_secrets, users};

/// Why something about a second factor is not done.
#[derive(Debug, thiserror::Error)]
pub enum SecondFactorError {
    /// The code is wrong, was used before, or is too old: which of them is not told.
    #[error("wrong code")]
    WrongCode,
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttemptsError),
    /// The session is too old or too weak.
    #[error(transparent)]
    SignInNeeded(#[from] StrengthError),
    /// There is one already, or none.
    #[error("two-step verification is not in the required state")]
    NotNow,
    #[error(transparent)]
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for SecondFactorError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A code that could be right, by its form.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown {
    /// The app shows it in this step.
    App(TimeStep),
    /// A recovery code, by its MAC. Only the database knows whether the user has it.
    Recovery([u8; 32]),
}

/// A code that was right. It is used up once the change is committed.
#[must_use]
pub(super) struct Proven<'a> {
    /// The change in which it is used up.
    pub(super) change: Change<'a>,
    attempt: PaidAttempt,
}

impl Proven<'_> {
    /// Commits what was done for the code, if it was done, and settles the attempt.
    pub(super) async fn finish<T>(
        self,
        app: &App,
        done: Result<T, SecondFactorError>,
    ) -> Result<T, SecondFactorError> {
        let finished = match done {
            Ok(done) => self.change.commit().await.map(|()| done).map_err(Into::into),
            Err(error) => Err(error),
        };
        self.attempt.settle(app, if finished.is_ok() { Judged::Right } else { Judged::Unanswered });
        finished
    }
}

/// Reserves an attempt at a code; writes down if there were too many before.
pub(super) async fn reserve(
    app: &App,
    user: &User,
    trier: Trier,
    origin: &RequestOrigin,
) -> store::Result<Payment> {
    let payment = guards::pay_for_second_factor(app, user.tenant_id, user.id, trier, origin).await?;
    if payment.is_err() {
        let details = json!({"reason": "too many attempts"});
        let event = sign_in::event(Action::SecondFactorChecked, Outcome::Refused, user, origin, details);
        audit::record(app, user.tenant_id, event).await?;
    }
    Ok(payment)
}

/// What `input` could be, for a person with this app.
pub(super) async fn read(
    app: &App,
    user: &User,
    totp: Option<&StoredTotp>,
    input: &str,
) -> Result<Option<Shown>, OAuthError> {
    if let Some(stored) = totp.filter(|stored| stored.confirmed)
        && let Some(step) = step_of(app, &unseal(app, user, stored)?, input, stored.last_used)
    {
        return Ok(Some(Shown::App(step)));
    }
    let Some(code) = RecoveryCode::parse(input) else { return Ok(None) };
    Ok(Some(Shown::Recovery(mac_keys::codes::recovery_code(app, user, &code).await?)))
}

/// Writes a wrong code down and charges it. `is_taken`: it was looked at.
pub(super) async fn refuse(
    app: &App,
    attempt: &PaidAttempt,
    user: &User,
    is_taken: bool,
    origin: &RequestOrigin,
) -> store::Result<()> {
    let reason =
        if is_taken { "wrong code" } else { "unknown browser after too many wrong passwords or codes" };
    let details = json!({"reason": reason});
    let event = sign_in::event(Action::SecondFactorChecked, Outcome::Refused, user, origin, details);
    if is_taken {
        sign_in::refuse(app, attempt, user, event, origin).await
    } else {
        attempt.charge_with(app, event).await
    }
}

/// Looks at a code of the person's app, or a recovery code.
async fn prove<'a>(
    app: &'a App,
    user: &User,
    trier: Trier,
    input: &str,
    origin: &'a RequestOrigin,
) -> Result<Proven<'a>, SecondFactorError> {
    let attempt = reserve(app, user, trier, origin).await?.map_err(SecondFactorError::TooManyAttempts)?;
    let found = find(app, &attempt, user, input, origin).await;
    let (is_taken, outcome) = match found {
        Ok(Found::Right(change)) => return Ok(Proven { change: *change, attempt }),
        Ok(Found::Wrong) => (true, Ok(())),
        Ok(Found::NotTaken) => (false, Ok(())),
        Err(error) => (false, Err(error)),
    };
    let refused = match outcome {
        Ok(()) => refuse(app, &attempt, user, is_taken, origin).await.map_err(Into::into),
        Err(error) => Err(error),
    };
    attempt.settle(app, if refused.is_ok() { Judged::Charged } else { Judged::Unanswered });
    refused?;
    Err(SecondFactorError::WrongCode)
}

enum Found<'a> {
    Right(Box<Change<'a>>),
    Wrong,
    NotTaken,
}

async fn find<'a>(
    app: &'a App,
    attempt: &PaidAttempt,
    user: &User,
    input: &str,
    origin: &'a RequestOrigin,
) -> Result<Found<'a>, SecondFactorError> {
    let mut change = Change::begin(app, user.tenant_id, &By::user(user.id, origin)).await?;
    // The account is locked first, as in every operation that changes how it signs in.
    let failures = users::failures(&mut *change, user.tenant_id, user.id).await?;
    if !attempt.may_sign_in(failures) {
        return Ok(Found::NotTaken);
    }
    let totp = totp_secrets::find(&mut *change, user.tenant_id, user.id).await?;
    let is_right = match (read(app, user, totp.as_ref(), input).await?, totp) {
        (Some(Shown::App(step)), Some(totp)) => {
            totp_secrets::spend(&mut *change, user.tenant_id, user.id, &totp.secret_sealed, step).await?
        }
        (Some(Shown::Recovery(mac)), _) => recovery_codes::spend(&mut change, user, mac).await?,
        _ => false,
    };
    Ok(if is_right { Found::Right(Box::new(change)) } else { Found::Wrong })
}

/// The step whose code `input` is, by this computer's clock or by the database's: one of them may be wrong, and the person's
/// app knows neither.
fn step_of(app: &App, secret: &TotpSecret, input: &str, last_used: Option<TimeStep>) -> Option<TimeStep> {
    let at = |now| secret.step_of(input, now, last_used);
    at(app.clock.own_now()).or_else(|| at(app.clock.now()))
}

fn unseal(app: &App, user: &User, stored: &StoredTotp) -> Result<TotpSecret, OAuthError> {
    let bytes =
        app.secrets.database.open(&stored.secret_sealed, &sealing_context(user.tenant_id, user.id))?;
    TotpSecret::from_bytes(&bytes)
        .ok_or_else(|| OAuthError::fault("the decrypted TOTP key has the wrong length"))
}

/// The key of one person opens for no other.
pub(super) fn sealing_context(tenant: TenantId, user: UserId) -> String {
    format!("totp secret {tenant} {user}")
}

fn must_be_fresh(app: &App, session: &BrowserSession) -> Result<(), SecondFactorError> {
    Ok(strength::must_suit_own_account(app, session)?)
}
