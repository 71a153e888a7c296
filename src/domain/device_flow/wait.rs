//! Step 5 without asking again and again: a poll that waits for the decision (`Prefer: wait=N`, RFC 7240 §4.3).

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::poll::{self, PollRequest};
use crate::app::App;
use crate::domain::authenticate_client::AuthenticatedClient;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::tokens::IssuedTokens;
use crate::model::device_code::DeviceCode;
use crate::model::ids::DeviceAuthorizationId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::device_authorizations::memory::{Owner, Wait};

/// The longest time a poll waits.
pub const MAX_WAIT: Duration = Duration::from_mins(1);

/// A place to wait in; it is free again when dropped.
struct Place {
    app: Arc<App>,
    owner: Arc<Owner>,
    address: IpNet,
}

impl Place {
    /// Returns a place for a poll of `owner` from `address`, `None` if all are taken.
    fn take(app: &Arc<App>, owner: Arc<Owner>, address: IpNet) -> Option<Self> {
        let entered = app.waiting_polls.enter(&owner, address);
        entered.then(|| Self { app: Arc::clone(app), owner, address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.app.waiting_polls.leave(&self.owner, &self.address);
    }
}

/// Whether a client's preference to wait was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// It was: the poll waited, or needed not.
    Applied,
    /// It was not: too many wait, or the decision could not be heard of.
    Ignored,
}

/// The outcome of a poll that is ready to wait.
pub enum Polled {
    Answered(Result<IssuedTokens, OAuthError>, Preference),
    /// No one has decided yet: it waits.
    Waits(Box<Waiting>),
}

/// A poll that waits, with all that answering it takes and nothing else: a server has many thousands of them.
pub struct Waiting {
    place: Place,
    code: DeviceCode,
    patience: Duration,
    tenant: Arc<Tenant>,
    client: AuthenticatedClient,
    request: PollRequest,
    origin: RequestOrigin,
}

/// Polls, and where nobody has decided yet, waits until somebody has, the code expires, `patience` is over, or the
/// server stops. The answer is that of any poll.
pub async fn poll(
    app: &Arc<App>,
    tenant: &Arc<Tenant>,
    client: AuthenticatedClient,
    request: PollRequest,
    patience: Duration,
    origin: RequestOrigin,
) -> Polled {
    let code = match poll::read(app, tenant, &client, &request).await {
        Ok(code) => code,
        Err(error) => return Polled::Answered(Err(error), Preference::Applied),
    };
    let first = poll::ask(app, tenant, &client, &request, &code, &origin).await;
    let pending = matches!(&first, Err(error) if error.code == ErrorCode::AuthorizationPending);
    if !pending {
        return Polled::Answered(first, Preference::Applied);
    }
    match Place::take(app, app.owners.of(&client), origin.limit_unit()) {
        None => Polled::Answered(first, Preference::Ignored),
        Some(place) => {
            let patience = patience.min(MAX_WAIT);
            let tenant = Arc::clone(tenant);
            Polled::Waits(Box::new(Waiting { place, code, patience, tenant, client, request, origin }))
        }
    }
}

impl Waiting {
    /// Waits until there is something to answer.
    pub async fn ended(&self) -> Ended {
        decision(&self.place.app, self.code.authorization(), self.patience).await
    }

    /// Answers. The place is free by then.
    pub async fn answer(self, ended: Ended) -> (Result<IssuedTokens, OAuthError>, Preference) {
        let Self { place, code, tenant, client, request, origin, .. } = self;
        let app = Arc::clone(&place.app);
        drop(place);
        match ended {
            Ended::ByDecision => {
                let answer = poll::ask_database(&app, &tenant, &client, &request, &code, &origin).await;
                (answer, Preference::Applied)
            }
            Ended::ByTime => (Err(poll::pending()), Preference::Applied),
            Ended::AtOnce => (Err(poll::pending()), Preference::Ignored),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody has decided, or the code has expired.
    ByDecision,
    /// No one has decided: the time is over, or the server stops.
    ByTime,
    /// It cannot wait: a decision would not be noticed.
    AtOnce,
}

async fn decision(app: &App, id: DeviceAuthorizationId, patience: Duration) -> Ended {
    let waiters = match app.sessions.wait(&id) {
        Wait::For(waiters) => waiters,
        Wait::Over => return Ended::ByDecision,
        Wait::Impossible => return Ended::AtOnce,
    };
    let woken = waiters.notified();
    tokio::pin!(woken);
    woken.as_mut().enable();
    // Whatever happened before we could be woken.
    if matches!(app.sessions.wait(&id), Wait::Over) {
        return Ended::ByDecision;
    }
    tokio::select! {
        () = woken => match app.sessions.wait(&id) {
            Wait::Over => Ended::ByDecision,
            _ => Ended::ByTime,
        },
        () = tokio::time::sleep(patience) => Ended::ByTime,
        () = app.stopping.cancelled() => Ended::ByTime,
    }
}
