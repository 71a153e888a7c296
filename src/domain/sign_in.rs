//! A person signs in and out.

use chrono::TimeDelta;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::audit;
use super::guards;
use super::passwords::{self, Checked};
use crate::app::App;
use crate::model::attempt_budget::Exhausted;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::browser_session::BrowserSession;
use crate::model::device_session::Authentication;
use crate::model::ids::{BrowserSessionId, TenantId};
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::user::{Standing, User};
use crate::store::{self, StoreError, browser_sessions, users};

/// Wrong passwords in a row, from wherever, after which the account is locked (NIST SP 800-63B-4 §3.2.2).
const MAX_CONSECUTIVE_FAILURES: i32 = 100;
/// How stale `last_seen_at` may be before a request moves it.
const TOUCH_AFTER: TimeDelta = TimeDelta::seconds(30);

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInRefused {
    /// Name or password is wrong, or the account may not be used: which of them is not told.
    #[error("wrong name or password")]
    WrongCredentials,
    /// Too many wrong ones before.
    #[error(transparent)]
    TooManyAttempts(#[from] Exhausted),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for SignInRefused {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Signs somebody in: a new session with a new secret. The one that the browser held before is over.
pub async fn sign_in(
    app: &App,
    tenant: &Tenant,
    username: &str,
    password: Zeroizing<String>,
    before: Option<&BrowserSession>,
    origin: &RequestOrigin,
) -> Result<(BrowserSession, BearerSecret), SignInRefused> {
    let attempt = guards::pay_for_password(app, tenant.id, username, origin).await??;
    let (user, stored) = match users::credentials(&app.db, tenant.id, username).await? {
        Some(found) => (Some(found.user), Some(found.password_hash)),
        None => (None, None),
    };
    let checked = passwords::check(app, password, stored).await;
    let mut transaction = app.db.begin().await?;
    match (user, checked) {
        (Some(user), Checked::Right { rehashed }) if user.is_active() => {
            attempt.give_back(&mut transaction).await?;
            users::record_success(&mut *transaction, user.id, rehashed.as_deref()).await?;
            if let Some(before) = before {
                browser_sessions::end(&mut *transaction, before.id, app.clock.now()).await?;
            }
            let (session, secret) = begin_session(app, &mut transaction, user, origin).await?;
            transaction.commit().await?;
            Ok((session, secret))
        }
        (user, checked) => {
            refuse(app, &mut transaction, tenant.id, user, &checked, origin).await?;
            transaction.commit().await?;
            Err(SignInRefused::WrongCredentials)
        }
    }
}

async fn begin_session(
    app: &App,
    db: &mut sqlx::PgConnection,
    user: User,
    origin: &RequestOrigin,
) -> store::Result<(BrowserSession, BearerSecret)> {
    let now = app.clock.now();
    let secret = BearerSecret::generate(SecretKind::Browser, &app.random);
    let session = BrowserSession {
        id: BrowserSessionId(app.random.uuid_v7(now)),
        user,
        authentication: Authentication { auth_time: now, amr: vec!["pwd".to_owned()] },
        last_seen_at: now,
    };
    let expires_at = now + TimeDelta::seconds(i64::from(app.config.sign_in.absolute_seconds));
    browser_sessions::insert(&mut *db, &session, secret.hash(), origin, expires_at).await?;
    let tenant = session.user.tenant_id;
    let event = event(Action::SignIn, Outcome::Success, &session.user, origin, json!({}));
    audit::record(app, db, tenant, &event).await?;
    Ok((session, secret))
}

/// Writes down a refusal, and locks an account that too many have tried in a row.
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
    let wrong = matches!(checked, Checked::Wrong);
    if wrong && user.is_active() && users::count_failure(&mut *db, user.id).await? >= MAX_CONSECUTIVE_FAILURES
    {
        users::set_standing(&mut *db, user.id, Standing::Locked, app.clock.now()).await?;
        let details = json!({"reason": "too many wrong passwords in a row"});
        audit::record(
            app,
            db,
            tenant,
            &event(Action::AccountLocked, Outcome::Success, &user, origin, details),
        )
        .await?;
    }
    Ok(())
}

/// The session of a browser that shows this cookie, if it is alive.
pub async fn current(app: &App, tenant: TenantId, cookie: &str) -> store::Result<Option<BrowserSession>> {
    let Some(secret) = BearerSecret::parse(SecretKind::Browser, cookie) else { return Ok(None) };
    let (now, idle) = (app.clock.now(), idle_limit(app));
    let session = browser_sessions::find_live(&app.db, tenant, secret.hash(), now, idle).await?;
    if let Some(session) = &session
        && now - session.last_seen_at > TOUCH_AFTER
    {
        browser_sessions::touch(&app.db, session.id, now).await?;
    }
    Ok(session)
}

/// Signs out: the session is over on the server, not only in the browser.
pub async fn sign_out(app: &App, session: &BrowserSession, origin: &RequestOrigin) -> store::Result<()> {
    let mut transaction = app.db.begin().await?;
    browser_sessions::end(&mut *transaction, session.id, app.clock.now()).await?;
    let event = event(Action::SignOut, Outcome::Success, &session.user, origin, json!({}));
    audit::record(app, &mut *transaction, session.user.tenant_id, &event).await?;
    Ok(transaction.commit().await?)
}

/// Whether the person proved who they are recently enough to approve a device.
#[must_use]
pub fn is_fresh(app: &App, session: &BrowserSession) -> bool {
    is_recent(app, &session.authentication)
}

/// The same, however the person is known.
#[must_use]
pub fn is_recent(app: &App, authentication: &Authentication) -> bool {
    let limit = TimeDelta::seconds(i64::from(app.config.sign_in.fresh_seconds));
    app.clock.now() - authentication.auth_time <= limit
}

/// How long a session lives without being used.
#[must_use]
pub fn idle_limit(app: &App) -> TimeDelta {
    TimeDelta::seconds(i64::from(app.config.sign_in.idle_seconds))
}

fn event<'a>(
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
        target_kind: "user",
        target_id: Some(user.id.to_string()),
        origin: Some(origin),
        details,
    }
}
