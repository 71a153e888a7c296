//! Step 1: name and password.

use serde_json::json;
use zeroize::Zeroizing;

use super::{SignInRefused, SignedIn, SigningBrowser, count_failure, event, session};
use crate::app::App;
use crate::domain::passwords::{self, Checked};
use crate::domain::{audit, guards};
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::browser_session::BrowserSession;
use crate::model::device_authorization::Authentication;
use crate::model::guessing::Trier;
use crate::model::half_sign_in::{self, HalfSignIn};
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::user::{Standing, User};
use crate::store::{self, browser_sessions, half_sign_ins, totp_secrets, users};

/// How far a right password leads. Either way the browser has a new secret, and the session it held before is over.
#[derive(Debug)]
pub enum Entered {
    /// All the way.
    SignedIn(Box<SignedIn>),
    /// To the question for a code.
    CodeNeeded(BearerSecret),
}

/// Looks at name and password.
pub async fn enter(
    app: &App,
    tenant: &Tenant,
    username: &str,
    password: Zeroizing<String>,
    before: Option<&BrowserSession>,
    browser: &SigningBrowser,
    origin: &RequestOrigin,
) -> Result<Entered, SignInRefused> {
    let found = users::credentials(&app.db, tenant.id, username).await?;
    let trier = found.as_ref().map_or(Trier::Unknown(browser.visit), |found| {
        browser.trier(tenant, &found.user, found.browser_generation, app.clock.now())
    });
    let attempt = guards::pay_for_password(app, tenant.id, username, trier, origin).await?;
    let attempt = attempt.map_err(SignInRefused::TooManyAttempts)?;
    let is_taken = found.as_ref().is_some_and(|found| attempt.may_sign_in(found.failures));
    let (user, stored) = found.map(|found| (found.user, found.password_hash)).unzip();
    // A password that is not taken is not compared either: nothing may tell a right one from a wrong one.
    let checked = passwords::check(app, password, stored.clone().filter(|_| is_taken)).await;
    let mut transaction = app.begin(tenant.id).await?;
    let checked = match checked {
        Ok(checked) => checked,
        Err(busy) => {
            attempt.refund(&mut transaction).await?;
            transaction.commit().await?;
            return Err(busy.into());
        }
    };
    let (user, rehashed) = match (user, checked) {
        (Some(user), Checked::Right { rehashed }) if user.is_active() => (user, rehashed),
        (Some(user), Checked::Wrong) if !is_taken => {
            return turn_away(app, transaction, &user, origin).await;
        }
        (user, checked) => {
            refuse(app, &mut transaction, tenant.id, user, &checked, origin).await?;
            transaction.commit().await?;
            return Err(SignInRefused::WrongCredentials);
        }
    };
    let checked = stored.unwrap_or_default();
    if !users::renew_password_hash(&mut *transaction, tenant.id, user.id, &checked, rehashed.as_deref())
        .await?
    {
        // It was changed while we looked at it.
        return Err(SignInRefused::WrongCredentials);
    }
    // The account is locked now: of a hundred attempts at once none slips through after the last wrong one.
    if !attempt.may_sign_in(users::failures(&mut *transaction, tenant.id, user.id).await?) {
        return turn_away(app, transaction, &user, origin).await;
    }
    attempt.give_back(&mut transaction).await?;
    if let Some(before) = before {
        browser_sessions::end(&mut *transaction, tenant.id, before.id, app.clock.now()).await?;
    }
    let factor = totp_secrets::find(&mut *transaction, tenant.id, user.id).await?;
    let entered = if factor.is_some_and(|factor| factor.confirmed) {
        Entered::CodeNeeded(begin_half(app, &mut transaction, user, origin).await?)
    } else {
        let authentication = Authentication::by_password(app.clock.now());
        let signed_in = session::begin(app, &mut transaction, user, authentication, origin).await?;
        Entered::SignedIn(Box::new(signed_in))
    };
    transaction.commit().await?;
    Ok(entered)
}

async fn begin_half(
    app: &App,
    db: &mut sqlx::PgConnection,
    user: User,
    origin: &RequestOrigin,
) -> store::Result<BearerSecret> {
    let now = app.clock.now();
    let secret = BearerSecret::generate(SecretKind::Browser, &app.random);
    let half = HalfSignIn { token: secret.hash(), user };
    half_sign_ins::insert(&mut *db, &half, now, now + half_sign_in::LIFETIME).await?;
    let event = event(Action::SignInBegun, Outcome::Success, &half.user, origin, json!({}));
    audit::record(app, db, half.user.tenant_id, &event).await?;
    Ok(secret)
}

/// Writes down that the account takes its password from known browsers only.
async fn turn_away<T>(
    app: &App,
    mut transaction: sqlx::PgTransaction<'_>,
    user: &User,
    origin: &RequestOrigin,
) -> Result<T, SignInRefused> {
    let details = json!({"reason": "unknown browser after too many wrong passwords or codes"});
    let refused = event(Action::SignIn, Outcome::Refused, user, origin, details);
    audit::record(app, &mut *transaction, user.tenant_id, &refused).await?;
    transaction.commit().await?;
    Err(SignInRefused::WrongCredentials)
}

/// Writes down a refusal.
async fn refuse(
    app: &App,
    db: &mut sqlx::PgConnection,
    tenant: TenantId,
    user: Option<User>,
    checked: &Checked,
    origin: &RequestOrigin,
) -> store::Result<()> {
    let Some(user) = user else {
        let event = AuditEvent {
            action: Action::SignIn,
            outcome: Outcome::Refused,
            actor: Actor::Anyone,
            target_kind: "user",
            target_id: None,
            origin: Some(origin),
            details: json!({"reason": "unknown user"}),
        };
        return audit::record(app, db, tenant, &event).await;
    };
    let reason = match (checked, user.standing) {
        (Checked::Wrong, _) => "wrong password",
        (_, Standing::Locked) => "locked",
        _ => "disabled",
    };
    let refused = event(Action::SignIn, Outcome::Refused, &user, origin, json!({"reason": reason}));
    audit::record(app, &mut *db, tenant, &refused).await?;
    if matches!(checked, Checked::Wrong) {
        count_failure(app, db, &user, origin).await?;
    }
    Ok(())
}
