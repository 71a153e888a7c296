//! A person chooses another password.

use serde_json::json;
use zeroize::Zeroizing;

use super::audit::By;
use super::change::Change;
use super::guards::{self, Judged, PaidAttempt};
use super::oauth_error::OAuthError;
use super::passwords::{self, Checked, PasswordError};
use super::sign_in;
use super::sign_in::strength::{self, StrengthError};
use super::users;
use crate::app::App;
use crate::hashing::BusyError;
use crate::model::attempt_budget::TooManyAttemptsError;
use crate::model::audit_event::{Action, Outcome, Target};
use crate::model::bearer_secret::BearerSecret;
use crate::model::browser_session::BrowserSession;
use crate::model::known_browser::KnownBrowser;
use crate::model::request_origin::RequestOrigin;
use crate::model::token_family::RevocationReason;
use crate::store::{self, browser_sessions};

/// Sessions to end when the password changes (ASVS 7.4.3), in addition to all pending sign-ins.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlsoEnd {
    pub other_browsers: bool,
    pub devices: bool,
}

/// Why a password is not changed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordChangeError {
    #[error("wrong password")]
    WrongPassword,
    /// The new one cannot be chosen.
    #[error(transparent)]
    Unfit(PasswordError),
    #[error(transparent)]
    TooManyAttempts(TooManyAttemptsError),
    /// The session is too old or too weak.
    #[error(transparent)]
    SignInNeeded(StrengthError),
    #[error(transparent)]
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for PasswordChangeError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What the browser carries on with, in which the password was changed.
#[derive(Debug)]
pub struct Changed {
    /// The new secret of its session.
    pub secret: BearerSecret,
    /// By what the account knows it the next time.
    pub mark: KnownBrowser,
}

/// Puts `new` in the place of `current`. No other browser is known to the account any longer.
pub async fn change(
    app: &App,
    session: &BrowserSession,
    current: Zeroizing<String>,
    new: &str,
    also: AlsoEnd,
    origin: &RequestOrigin,
) -> Result<Changed, PasswordChangeError> {
    strength::must_suit_own_account(app, session).map_err(PasswordChangeError::SignInNeeded)?;
    let user = &session.user;
    let trier = sign_in::trier_of(session);
    let attempt = guards::pay_for_password(app, user.tenant_id, &user.username, trier, origin).await?;
    let attempt = attempt.map_err(PasswordChangeError::TooManyAttempts)?;
    let changed = judge(app, session, &attempt, current, new, also, origin).await;
    let judged = match &changed {
        Ok(_) | Err(PasswordChangeError::Unfit(_)) => Judged::Right,
        Err(PasswordChangeError::Failed(_)) => Judged::Unanswered,
        Err(_) => Judged::Charged,
    };
    attempt.settle(app, judged);
    changed
}

/// Changes it or refuses, which charges the attempt unless the present password is right.
async fn judge(
    app: &App,
    session: &BrowserSession,
    attempt: &PaidAttempt,
    current: Zeroizing<String>,
    new: &str,
    also: AlsoEnd,
    origin: &RequestOrigin,
) -> Result<Changed, PasswordChangeError> {
    let user = &session.user;
    let stored = store::users::credentials(&app.db, user.tenant_id, &user.username).await?;
    let stored = stored.map(|found| found.password_hash);
    let checked = passwords::check(app, current, stored.clone()).await?;
    if !attempt.is_held(app) {
        return Err(BusyError.into());
    }
    if matches!(checked, Checked::Wrong) {
        let details = json!({"reason": "wrong password"});
        let event = sign_in::event(Action::PasswordChanged, Outcome::Refused, user, origin, details);
        sign_in::refuse(app, attempt, user, event, origin).await?;
        return Err(PasswordChangeError::WrongPassword);
    }
    let chosen = passwords::choose(app, new, &user.username).await.map_err(PasswordChangeError::Unfit)?;
    let stored = stored.unwrap_or_default();
    let mut change = Change::begin(app, user.tenant_id, &By::user(user.id, origin)).await?;
    if !store::users::renew_password_hash(&mut *change, user.tenant_id, user.id, &stored, Some(&chosen))
        .await?
    {
        // It was changed while we looked at it.
        attempt.charge(&mut *change).await?;
        change.commit().await?;
        return Err(PasswordChangeError::WrongPassword);
    }
    // A sign-in with the old password either has its session by now, and it ends here, or will not get one.
    sign_in::has_changed(&mut change, user.tenant_id, user.id, sign_in::Change::Password).await?;
    let mark = sign_in::mark(app, &mut change, user.tenant_id, user.id).await?;
    let mut browsers = 0;
    if also.other_browsers {
        let now = app.clock.now();
        browsers =
            browser_sessions::end_others(&mut *change, user.tenant_id, user.id, session.id, now).await?;
    }
    let mut devices = 0;
    if also.devices {
        devices = users::end_devices(&mut change, user, RevocationReason::PasswordChanged).await?.devices;
    }
    let secret = sign_in::renew(app, &mut change, session, &session.authentication).await?;
    let details = json!({"ended": {"browsers": browsers, "devices": devices}});
    change.audit(Action::PasswordChanged, Target::User(Some(user.id)), details).await?;
    change.commit().await?;
    Ok(Changed { secret, mark })
}
