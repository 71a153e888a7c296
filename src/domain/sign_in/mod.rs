//! Sign-in and sign-out.
//!
//! 1. [`password`]: username and password. Without two-step verification, the user is signed in.
//! 2. [`code`]: with two-step verification the sign-in is half complete, and valid for some minutes and only for
//!    entering a code.
//!
//! The browser gets a new secret at each step. [`strength`] says what a session is strong enough for.

mod browsers;
pub mod code;
pub mod password;
mod refusal;
mod session;
pub mod strength;
mod ways_in;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::audit::{self, By};
use super::change;
use super::oauth_error::OAuthError;
use crate::app::App;
use crate::model::attempt_budget::TooManyAttemptsError;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome, Target};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::browser_session::BrowserSession;
use crate::model::guessing::Trier;
use crate::model::ids::TenantId;
use crate::model::request_origin::RequestOrigin;
use crate::model::user::User;
use crate::store::{self, browser_sessions};

pub use browsers::SigningBrowser;
pub(super) use browsers::mark;
pub(super) use refusal::refuse;
pub use session::SignedIn;
pub(super) use session::renew;
pub(super) use ways_in::{Change, has_changed};

/// How stale `last_seen_at` may be before a request moves it. A browser that has a code open keeps it by its requests, so
/// there each one counts.
const TOUCH_AFTER: TimeDelta = TimeDelta::seconds(30);

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name, password or code is wrong, or the account may not be used: which of them is not told.
    #[error("wrong credentials")]
    WrongCredentials,
    #[error(transparent)]
    TooManyAttempts(#[from] TooManyAttemptsError),
    #[error(transparent)]
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for SignInError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The session of a browser that shows this cookie, if it is alive.
pub async fn current(app: &App, tenant: TenantId, cookie: &str) -> store::Result<Option<BrowserSession>> {
    let Some(secret) = BearerSecret::parse(SecretKind::Browser, cookie) else { return Ok(None) };
    let (now, idle) = (app.clock.now(), idle_limit(app));
    browser_sessions::find_live(&app.db, tenant, secret.hash(), now, idle, now - TOUCH_AFTER).await
}

/// Signs out: the session is over on the server, not only in the browser.
pub async fn sign_out(app: &App, session: &BrowserSession, origin: &RequestOrigin) -> store::Result<()> {
    let (user, tenant) = (session.user.id, session.user.tenant_id);
    let mut change = change::Change::begin(app, tenant, &By::user(user, origin)).await?;
    browser_sessions::end(&mut *change, tenant, session.id, app.clock.now()).await?;
    change.audit(Action::SignOut, Target::User(Some(user)), json!({})).await?;
    change.commit().await
}

/// Whose tries are used in a browser where the person is signed in: its own.
pub(super) const fn trier_of(session: &BrowserSession) -> Trier {
    Trier::SignedIn(session.id)
}

/// How long a session lives without being used.
#[must_use]
pub fn idle_limit(app: &App) -> TimeDelta {
    TimeDelta::seconds(i64::from(app.config.sign_in.idle_seconds))
}

/// Something that a person did to their own account, or failed to.
pub(super) fn event<'a>(
    action: Action,
    outcome: Outcome,
    user: &User,
    origin: &'a RequestOrigin,
    details: Value,
) -> AuditEvent<'a> {
    AuditEvent {
        action,
        outcome,
        actor: Actor::User(user.id),
        target: Target::User(Some(user.id)),
        origin: Some(origin),
        details,
    }
}
