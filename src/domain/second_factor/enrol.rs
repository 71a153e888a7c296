//! A person sets up an authenticator app.

use serde_json::json;

use super::{SecondFactorError, must_be_fresh, recovery_codes, sealing_context, step_of, unseal};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::change::Change;
use crate::domain::sign_in;
use crate::model::audit_event::{Action, Target};
use crate::model::bearer_secret::BearerSecret;
use crate::model::browser_session::BrowserSession;
use crate::model::device_authorization::Authentication;
use crate::model::recovery_code::RecoveryCode;
use crate::model::request_origin::RequestOrigin;
use crate::model::totp::TotpSecret;
use crate::store::totp_secrets;

/// What an enrolment leaves in the person's hands.
#[derive(Debug)]
pub struct Enrolled {
    /// The browser's new secret: its session is one of two factors now.
    pub secret: BearerSecret,
    /// To be shown this once.
    pub recovery_codes: Vec<RecoveryCode>,
}

/// Makes a key for an app. It counts for nothing until the app has proved that it has it.
pub async fn propose(app: &App, session: &BrowserSession) -> Result<(), SecondFactorError> {
    must_be_fresh(app, session)?;
    let user = &session.user;
    let secret = TotpSecret::generate(&app.random);
    let context = sealing_context(user.tenant_id, user.id);
    let sealed = app.secrets.database.seal(secret.as_bytes(), &context, &app.random);
    // Nothing that anybody would look for in the audit trail has happened yet.
    let (tenant, now) = (user.tenant_id, app.clock.now());
    let kept = totp_secrets::propose(&app.db, tenant, user.id, &sealed, now).await?;
    if kept { Ok(()) } else { Err(SecondFactorError::NotNow) }
}

/// The key that waits for its first code, to be put into the app.
pub async fn proposed(app: &App, session: &BrowserSession) -> Result<TotpSecret, SecondFactorError> {
    must_be_fresh(app, session)?;
    let user = &session.user;
    let stored = totp_secrets::find(&app.db, user.tenant_id, user.id).await?;
    let waiting = stored.filter(|stored| !stored.confirmed).ok_or(SecondFactorError::NotNow)?;
    Ok(unseal(app, user, &waiting)?)
}

/// Lets the app count, after a right code. The person who shows it has proved two factors: the session is one of them
/// from now on, as old as its password.
pub async fn confirm(
    app: &App,
    session: &BrowserSession,
    input: &str,
    origin: &RequestOrigin,
) -> Result<Enrolled, SecondFactorError> {
    must_be_fresh(app, session)?;
    let (user, now) = (&session.user, app.clock.now());
    let stored = totp_secrets::find(&app.db, user.tenant_id, user.id).await?;
    let waiting = stored.filter(|stored| !stored.confirmed).ok_or(SecondFactorError::NotNow)?;
    // No guard: whoever guesses here has the key before their eyes.
    let step = step_of(app, &unseal(app, user, &waiting)?, input, None);
    let step = step.ok_or(SecondFactorError::WrongCode)?;
    let mut change = Change::begin(app, user.tenant_id, &By::user(user.id, origin)).await?;
    sign_in::has_changed(&mut change, user.tenant_id, user.id, sign_in::Change::Factors).await?;
    let sealed = &waiting.secret_sealed;
    if !totp_secrets::confirm(&mut *change, user.tenant_id, user.id, sealed, step, now).await? {
        return Err(SecondFactorError::NotNow);
    }
    change.audit(Action::SecondFactorEnrolled, Target::User(Some(user.id)), json!({})).await?;
    let codes = recovery_codes::make(&mut change, user).await?;
    let authentication = Authentication::by_two_factors(session.authentication.auth_time);
    let secret = sign_in::renew(app, &mut change, session, &authentication).await?;
    change.commit().await?;
    Ok(Enrolled { secret, recovery_codes: codes })
}
