//! Step 1: name and password.

use serde_json::json;
use zeroize::Zeroizing;

use super::session::Draft;
use super::{SignInError, SignedIn, SigningBrowser, event, refuse};
use crate::app::App;
use crate::domain::audit;
use crate::domain::guards::{self, PaidAttempt};
use crate::domain::passwords::{self, Checked};
use crate::hashing::BusyError;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome, Target};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::browser_session::BrowserSession;
use crate::model::device_authorization::Authentication;
use crate::model::guessing::Trier;
use crate::model::half_sign_in;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::user::{Standing, User};
use crate::store::sign_ins::{self, Judgement};
use crate::store::users::{self, Credentials};
use crate::store::{self, StoreError};

/// How far a right password leads. Either way the browser has a new secret, and the session it held before is over.
#[derive(Debug)]
pub enum Entered {
    SignedIn(Box<SignedIn>),
    /// To the question for a code.
    CodeNeeded(BearerSecret),
}

/// How often a right password is retried while the way its account signs in changes.
const TRIES: u32 = 3;

/// What a user has entered, and where.
struct Entry<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    username: &'a str,
    before: Option<&'a BrowserSession>,
    origin: &'a RequestOrigin,
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
) -> Result<Entered, SignInError> {
    let found = users::credentials(&app.db, tenant.id, username).await?;
    let trier = found.as_ref().map_or(Trier::Unknown(browser.visit), |found| {
        browser.trier(tenant, &found.user, found.browser_generation, app.clock.now())
    });
    let attempt = guards::pay_for_password(app, tenant.id, username, trier, origin).await?;
    let attempt = attempt.map_err(SignInError::TooManyAttempts)?;
    let entered = Entry { app, tenant, username, before, origin }.judge(&attempt, found, password).await;
    attempt.conclude(app, &entered, |refused| matches!(refused, SignInError::Failed(_)));
    entered
}

impl Entry<'_> {
    /// Signs in or refuses, which charges the attempt. What follows the check is boxed: many wait for a slot to be
    /// checked in, and should be small.
    async fn judge(
        &self,
        attempt: &PaidAttempt,
        found: Option<Credentials>,
        password: Zeroizing<String>,
    ) -> Result<Entered, SignInError> {
        let is_taken = found.as_ref().is_some_and(|found| attempt.may_sign_in(found.failures));
        // A password that is not accepted is not compared either: nothing may tell a right one from a wrong one.
        let stored = found.as_ref().filter(|_| is_taken).map(|found| found.password_hash.clone());
        let checked = passwords::check(self.app, password, stored).await?;
        if !attempt.is_held(self.app) {
            return Err(BusyError.into());
        }
        let Some(found) = found else {
            attempt.charge_with(self.app, self.unknown_user()).await?;
            return Err(SignInError::WrongCredentials);
        };
        match checked {
            Checked::Right { rehashed } if found.user.is_active() => {
                Box::pin(self.go_on(attempt, found, rehashed.as_deref())).await
            }
            Checked::Wrong if !is_taken => Box::pin(self.turn_away(attempt, &found.user)).await,
            checked => Box::pin(self.refuse(attempt, &found.user, &checked)).await,
        }
    }

    /// The password is right. The account may have changed since it was read: then it is read once more.
    async fn go_on(
        &self,
        attempt: &PaidAttempt,
        mut found: Credentials,
        rehashed: Option<&str>,
    ) -> Result<Entered, SignInError> {
        let checked = found.password_hash.clone();
        for _ in 0..TRIES {
            let judgement = Judgement {
                user: found.user.id,
                checked: &checked,
                rehashed,
                sign_in_version: found.sign_in_version,
                always: attempt.may_sign_in(i32::MAX),
            };
            let entered = if found.has_second_factor {
                self.go_half_way(judgement, &found.user).await?.map(Entered::CodeNeeded)
            } else {
                self.sign_in(judgement, &found.user)
                    .await?
                    .map(|signed_in| Entered::SignedIn(Box::new(signed_in)))
            };
            if let Some(entered) = entered {
                return Ok(entered);
            }
            let again = users::credentials(&self.app.db, self.tenant.id, self.username).await?;
            match again {
                Some(again) if again.password_hash == checked && again.user.is_active() => found = again,
                // It was changed while it was checked.
                _ => {
                    attempt.charge(&self.app.db).await?;
                    return Err(SignInError::WrongCredentials);
                }
            }
            if !attempt.may_sign_in(found.failures) {
                return self.turn_away(attempt, &found.user).await;
            }
        }
        Err(StoreError::Overloaded.into())
    }

    async fn sign_in(&self, judgement: Judgement<'_>, user: &User) -> store::Result<Option<SignedIn>> {
        let Self { app, tenant, before, origin, .. } = *self;
        let authentication = Authentication::by_password(app.clock.now());
        let draft = Draft::new(app, user.clone(), authentication, origin);
        let details = json!({"amr": draft.session.authentication.amr});
        let event = event(Action::SignIn, Outcome::Success, user, origin, details);
        let new = audit::prepare(app, tenant.id, event).await?;
        let before = before.map(|session| session.id);
        let generation =
            sign_ins::by_password(&app.db, judgement, before, draft.stored(origin), &new).await?;
        Ok(generation.map(|generation| draft.begun(app, generation)))
    }

    async fn go_half_way(
        &self,
        judgement: Judgement<'_>,
        user: &User,
    ) -> store::Result<Option<BearerSecret>> {
        let Self { app, tenant, before, origin, .. } = *self;
        let secret = BearerSecret::generate(SecretKind::Browser, &app.random);
        let event = event(Action::SignInBegun, Outcome::Success, user, origin, json!({}));
        let new = audit::prepare(app, tenant.id, event).await?;
        let (before, until) = (before.map(|session| session.id), new.at + half_sign_in::LIFETIME);
        let begun = sign_ins::half(&app.db, judgement, before, (secret.hash(), until), &new).await?;
        Ok(begun.then_some(secret))
    }

    /// Writes down that the account takes its password from known browsers only.
    async fn turn_away<T>(&self, attempt: &PaidAttempt, user: &User) -> Result<T, SignInError> {
        let details = json!({"reason": "unknown browser after too many wrong passwords or codes"});
        let refused = event(Action::SignIn, Outcome::Refused, user, self.origin, details);
        attempt.charge_with(self.app, refused).await?;
        Err(SignInError::WrongCredentials)
    }

    async fn refuse<T>(
        &self,
        attempt: &PaidAttempt,
        user: &User,
        checked: &Checked,
    ) -> Result<T, SignInError> {
        let reason = match (checked, user.standing) {
            (Checked::Wrong, _) => "wrong password",
            (_, Standing::Locked) => "locked",
            _ => "disabled",
        };
        let refused = event(Action::SignIn, Outcome::Refused, user, self.origin, json!({"reason": reason}));
        if matches!(checked, Checked::Wrong) {
            refuse(self.app, attempt, user, refused, self.origin).await?;
        } else {
            attempt.charge_with(self.app, refused).await?;
        }
        Err(SignInError::WrongCredentials)
    }

    fn unknown_user(&self) -> AuditEvent<'_> {
        AuditEvent {
            action: Action::SignIn,
            outcome: Outcome::Refused,
            actor: Actor::Anyone,
            target: Target::User(None),
            origin: Some(self.origin),
            details: json!({"reason": "unknown user"}),
        }
    }
}
