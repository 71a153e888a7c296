//! The session that a sign-in begins, and its secret.

use chrono::TimeDelta;
use serde_json::json;

use super::{audit, event, mark};
use crate::app::App;
use crate::model::acr::Acr;
use crate::model::audit_event::{Action, Outcome};
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::browser_session::BrowserSession;
use crate::model::device_authorization::Authentication;
use crate::model::ids::BrowserSessionId;
use crate::model::known_browser::KnownBrowser;
use crate::model::request_origin::RequestOrigin;
use crate::model::user::User;
use crate::store::{self, browser_sessions, users};

/// A browser that is signed in now.
#[derive(Debug)]
pub struct SignedIn {
    /// Its session.
    pub session: BrowserSession,
    /// Its new secret.
    pub secret: BearerSecret,
    /// By what the account knows it the next time.
    pub mark: KnownBrowser,
}

/// Begins a session, and forgets what was wrong before.
pub(super) async fn begin(
    app: &App,
    db: &mut sqlx::PgConnection,
    user: User,
    authentication: Authentication,
    origin: &RequestOrigin,
) -> store::Result<SignedIn> {
    let now = app.clock.now();
    users::forget_failures(&mut *db, user.tenant_id, user.id).await?;
    let secret = BearerSecret::generate(SecretKind::Browser, &app.random);
    let session = BrowserSession {
        id: BrowserSessionId(app.random.uuid_v7(now)),
        user,
        // Whoever has one has just used it.
        has_second_factor: authentication.acr() == Acr::TwoFactors,
        authentication,
        place: app.geo.place_of(origin.ip_address),
        last_seen_at: now,
        has_code_open: false,
    };
    let expires_at = now + TimeDelta::seconds(i64::from(app.config.sign_in.absolute_seconds));
    browser_sessions::insert(&mut *db, &session, secret.hash(), origin, expires_at).await?;
    let details = json!({"amr": session.authentication.amr});
    let event = event(Action::SignIn, Outcome::Success, &session.user, origin, details);
    audit::record(app, &mut *db, session.user.tenant_id, &event).await?;
    let mark = mark(app, db, session.user.tenant_id, session.user.id).await?;
    Ok(SignedIn { session, secret, mark })
}

/// Lets a session go on with another secret, after its person proved more of who they are. What the browser has open
/// stays open.
pub(in crate::domain) async fn renew(
    app: &App,
    db: &mut sqlx::PgConnection,
    session: &BrowserSession,
    authentication: &Authentication,
) -> store::Result<BearerSecret> {
    let secret = BearerSecret::generate(SecretKind::Browser, &app.random);
    browser_sessions::renew(db, session.user.tenant_id, session.id, secret.hash(), authentication).await?;
    Ok(secret)
}
