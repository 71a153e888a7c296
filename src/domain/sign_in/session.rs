//! The session that a sign-in begins, and its secret.

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;
use crate::model::acr::Acr;
use crate::model::bearer_secret::{BearerSecret, SecretKind};
use crate::model::browser_session::BrowserSession;
use crate::model::device_authorization::Authentication;
use crate::model::ids::BrowserSessionId;
use crate::model::known_browser::KnownBrowser;
use crate::model::request_origin::RequestOrigin;
use crate::model::user::User;
use crate::store::sign_ins::NewSession;
use crate::store::{self, Connection, browser_sessions};

/// A browser that is signed in now.
#[derive(Debug)]
pub struct SignedIn {
    pub session: BrowserSession,
    pub secret: BearerSecret,
    /// By what the account knows it the next time.
    pub mark: KnownBrowser,
}

/// A session that is about to begin.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) session: BrowserSession,
    secret: BearerSecret,
    expires_at: DateTime<Utc>,
}

impl Draft {
    /// Prepares a session of somebody who signs in now.
    pub(super) fn new(app: &App, user: User, authentication: Authentication, origin: &RequestOrigin) -> Self {
        let now = app.clock.now();
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
        Self { session, secret: BearerSecret::generate(SecretKind::Browser, &app.random), expires_at }
    }

    pub(super) fn stored<'a>(&'a self, origin: &'a RequestOrigin) -> NewSession<'a> {
        NewSession { session: &self.session, token: self.secret.hash(), origin, expires_at: self.expires_at }
    }

    /// The session, once it is stored; `generation` is that of the browsers which the account knows.
    pub(super) fn begun(self, app: &App, generation: i64) -> SignedIn {
        let Self { session, secret, .. } = self;
        let (user, since) = (session.user.id, session.last_seen_at);
        let mark = KnownBrowser { id: app.random.uuid_v7(since), user, generation, since };
        SignedIn { session, secret, mark }
    }
}

/// Lets a session go on with another secret, after its person proved more of who they are. What the browser has open
/// stays open.
pub(in crate::domain) async fn renew(
    app: &App,
    db: &mut Connection,
    session: &BrowserSession,
    authentication: &Authentication,
) -> store::Result<BearerSecret> {
    let secret = BearerSecret::generate(SecretKind::Browser, &app.random);
    browser_sessions::renew(db, session.user.tenant_id, session.id, secret.hash(), authentication).await?;
    Ok(secret)
}
