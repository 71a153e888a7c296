//! The second factor: an authenticator app (RFC 6238), and recovery codes for the day it is lost.

pub mod enrol;
pub mod recovery_codes;
pub mod remove;

use serde_json::json;
use sqlx::{Postgres, Transaction};

use super::oauth_error::OAuthError;
use super::sign_in::strength::{self, Shortfall};
use super::{audit, guards, sign_in};
use crate::app::App;
use crate::model::attempt_budget::Exhausted;
use crate::model::audit_event::{Action, Outcome};
use crate::model::browser_session::BrowserSession;
use crate::model::guessing::Trier;
use crate::model::ids::{TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::totp::{TimeStep, TotpSecret};
use crate::model::user::User;
use crate::store::totp_secrets::StoredTotp;
use crate::store::{totp_secrets, users};

/// Why something about a second factor is not done.
#[derive(Debug, thiserror::Error)]
pub enum SecondFactorRefused {
    /// The code is wrong, was used before, or is too old: which of them is not told.
    #[error("wrong code")]
    WrongCode,
    /// Too many wrong ones before.
    #[error(transparent)]
    TooManyAttempts(#[from] Exhausted),
    /// The session is too old or too weak.
    #[error(transparent)]
    SignInNeeded(#[from] Shortfall),
    /// There is one already, or none.
    #[error("the second factor is not in the state for this")]
    NotNow,
    /// Something failed.
    #[error(transparent)]
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for SecondFactorRefused {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Looks at a code of the person's app, or a recovery code. A right one is used up once the transaction that comes
/// back is committed.
pub(super) async fn prove(
    app: &App,
    user: &User,
    trier: Trier,
    input: &str,
    origin: &RequestOrigin,
) -> Result<Transaction<'static, Postgres>, SecondFactorRefused> {
    let tenant = user.tenant_id;
    let attempt = guards::pay_for_second_factor(app, tenant, user.id, trier, origin).await?;
    let attempt = match attempt {
        Ok(attempt) => attempt,
        Err(exhausted) => {
            let details = json!({"reason": "too many attempts"});
            let event = sign_in::event(Action::SecondFactorChecked, Outcome::Refused, user, origin, details);
            audit::record(app, &app.db, tenant, &event).await?;
            return Err(SecondFactorRefused::TooManyAttempts(exhausted));
        }
    };
    let mut transaction = app.begin(tenant).await?;
    // The account is locked first, as in every deed that changes how it signs in.
    let failures = users::failures(&mut *transaction, tenant, user.id).await?;
    let is_taken = attempt.may_sign_in(failures);
    if is_taken
        && (spend_app_code(app, &mut transaction, user, input).await?
            || recovery_codes::spend(app, &mut transaction, user, input, origin).await?)
    {
        attempt.give_back(&mut transaction).await?;
        return Ok(transaction);
    }
    let reason =
        if is_taken { "wrong code" } else { "unknown browser after too many wrong passwords or codes" };
    let details = json!({"reason": reason});
    let event = sign_in::event(Action::SecondFactorChecked, Outcome::Refused, user, origin, details);
    audit::record(app, &mut *transaction, tenant, &event).await?;
    if is_taken {
        sign_in::count_failure(app, &mut transaction, user, origin).await?;
    }
    transaction.commit().await?;
    Err(SecondFactorRefused::WrongCode)
}

async fn spend_app_code(
    app: &App,
    db: &mut sqlx::PgConnection,
    user: &User,
    input: &str,
) -> Result<bool, OAuthError> {
    let stored = totp_secrets::find(&mut *db, user.tenant_id, user.id).await?;
    let Some(stored) = stored.filter(|stored| stored.confirmed) else { return Ok(false) };
    let step = step_of(app, &unseal(app, user, &stored)?, input, stored.last_used);
    let Some(step) = step else { return Ok(false) };
    Ok(totp_secrets::spend(db, user.tenant_id, user.id, &stored.secret_sealed, step).await?)
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
    TotpSecret::from_bytes(&bytes).ok_or_else(|| OAuthError::fault("a sealed TOTP key of another length"))
}

/// The key of one person opens for no other.
pub(super) fn sealing_context(tenant: TenantId, user: UserId) -> String {
    format!("totp secret {tenant} {user}")
}

fn must_be_fresh(app: &App, session: &BrowserSession) -> Result<(), SecondFactorRefused> {
    Ok(strength::must_suit_own_account(app, session)?)
}
