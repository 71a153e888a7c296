//! Step 2: a code of the second factor.

use serde_json::json;

use super::session::Draft;
use super::{SignInError, SignedIn, SigningBrowser, audit, event};
use crate::app::App;
use crate::domain::guards::PaidAttempt;
use crate::domain::second_factor::{self, Shown};
use crate::model::audit_event::{Action, Outcome};
use crate::model::bearer_secret::BearerSecret;
use crate::model::device_authorization::Authentication;
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store;
use crate::store::half_sign_ins::{self, Awaited};
use crate::store::sign_ins::{self, SecondProof};

/// The sign-in that waits for its code in the browser with this secret.
pub async fn awaited(app: &App, tenant: TenantId, browser: &BearerSecret) -> store::Result<Option<Awaited>> {
    half_sign_ins::find_live(&app.db, tenant, browser.hash(), app.clock.now()).await
}

/// Looks at a code of the authenticator app, or a recovery code. A right one begins the session.
pub async fn enter(
    app: &App,
    tenant: &Tenant,
    awaited: Awaited,
    browser: &SigningBrowser,
    input: &str,
    origin: &RequestOrigin,
) -> Result<SignedIn, SignInError> {
    let user = &awaited.half.user;
    let trier = browser.trier(tenant, user, awaited.browser_generation, app.clock.now());
    let attempt = match second_factor::reserve(app, user, trier, origin).await? {
        Ok(attempt) => attempt,
        Err(exhausted) => return Err(exhausted.into()),
    };
    let entered = judge(app, &attempt, &awaited, input, origin).await;
    attempt.conclude(app, &entered, |refused| matches!(refused, SignInError::Failed(_)));
    entered
}

/// Signs in or refuses, which charges the attempt.
async fn judge(
    app: &App,
    attempt: &PaidAttempt,
    awaited: &Awaited,
    input: &str,
    origin: &RequestOrigin,
) -> Result<SignedIn, SignInError> {
    let user = &awaited.half.user;
    let is_taken = attempt.may_sign_in(awaited.failures);
    let shown =
        if is_taken { second_factor::read(app, user, awaited.totp.as_ref(), input).await? } else { None };
    if let Some(shown) = shown
        && let Some(signed_in) = sign_in(app, attempt, awaited, &shown, origin).await?
    {
        return Ok(signed_in);
    }
    second_factor::refuse(app, attempt, user, is_taken, origin).await?;
    Err(SignInError::WrongCredentials)
}

async fn sign_in(
    app: &App,
    attempt: &PaidAttempt,
    awaited: &Awaited,
    shown: &Shown,
    origin: &RequestOrigin,
) -> store::Result<Option<SignedIn>> {
    let user = &awaited.half.user;
    let draft = Draft::new(app, user.clone(), Authentication::by_two_factors(app.clock.now()), origin);
    let details = json!({"amr": draft.session.authentication.amr});
    let signed_in = event(Action::SignIn, Outcome::Success, user, origin, details);
    let new = audit::prepare(app, user.tenant_id, signed_in).await?;
    let spent = event(Action::RecoveryCodeUsed, Outcome::Success, user, origin, json!({}));
    let spent = audit::prepare_at(app, user.tenant_id, spent, new.at).await?;
    let proof = match (shown, &awaited.totp) {
        (Shown::App(step), Some(totp)) => SecondProof::App(&totp.secret_sealed, *step),
        (Shown::App(_), None) => return Ok(None),
        (Shown::Recovery(mac), _) => SecondProof::Recovery(*mac, &spent),
    };
    let always = attempt.may_sign_in(i32::MAX);
    let stored = draft.stored(origin);
    let generation =
        sign_ins::by_second_factor(&app.db, awaited.half.token, proof, always, stored, &new).await?;
    Ok(generation.map(|generation| draft.begun(app, generation)))
}
