//! Step 2: a code of the second factor.

use super::{SignInRefused, SignedIn, SigningBrowser, session};
use crate::app::App;
use crate::domain::second_factor::{self, SecondFactorRefused};
use crate::model::bearer_secret::BearerSecret;
use crate::model::device_authorization::Authentication;
use crate::model::half_sign_in::HalfSignIn;
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::{self, half_sign_ins, users};

/// The sign-in that waits for its code in the browser with this secret.
pub async fn awaited(
    app: &App,
    tenant: TenantId,
    browser: &BearerSecret,
) -> store::Result<Option<HalfSignIn>> {
    half_sign_ins::find_live(&app.db, tenant, browser.hash(), app.clock.now()).await
}

/// Looks at a code of the authenticator app, or a recovery code. A right one begins the session.
pub async fn enter(
    app: &App,
    tenant: &Tenant,
    half: HalfSignIn,
    browser: &SigningBrowser,
    input: &str,
    origin: &RequestOrigin,
) -> Result<SignedIn, SignInRefused> {
    let generation = users::browser_generation(&app.db, tenant.id, half.user.id).await?;
    let trier = browser.trier(tenant, &half.user, generation, app.clock.now());
    let mut proven = match second_factor::prove(app, &half.user, trier, input, origin).await {
        Ok(transaction) => transaction,
        Err(SecondFactorRefused::TooManyAttempts(exhausted)) => return Err(exhausted.into()),
        Err(SecondFactorRefused::Failed(error)) => return Err(SignInRefused::Failed(error)),
        Err(_) => return Err(SignInRefused::WrongCredentials),
    };
    if !half_sign_ins::end(&mut *proven, tenant.id, half.token).await? {
        return Err(SignInRefused::WrongCredentials);
    }
    let authentication = Authentication::by_two_factors(app.clock.now());
    let begun = session::begin(app, &mut proven, half.user, authentication, origin).await?;
    proven.commit().await?;
    Ok(begun)
}
