//! Step 5 without asking again and again: a poll that waits for the decision (`Prefer: wait=N`, RFC 7240 §4.3).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;

use super::poll::{self, PollRequest};
use crate::app::App;
use crate::config::Sessions;
use crate::domain::authenticate_client::AuthenticatedClient;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::tokens::IssuedTokens;
use crate::model::ids::DeviceAuthorizationId;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::device_authorizations::memory::{Owner, Wait};

/// The longest time a poll waits.
pub const MAX_WAIT: Duration = Duration::from_mins(1);

/// How many polls wait now, in all, for each client and from each address.
#[derive(Debug)]
pub struct WaitingPolls {
    limit: usize,
    limit_of_client: usize,
    limit_of_address: usize,
    waiting: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<Arc<Owner>, usize>,
    by_address: HashMap<IpNet, usize>,
}

impl WaitingPolls {
    /// None wait yet, and no more than `limit` ever will.
    #[must_use]
    pub fn new(settings: &Sessions, limit: usize) -> Self {
        Self {
            limit,
            limit_of_client: settings.max_waiting_polls_per_client,
            limit_of_address: settings.max_waiting_polls_per_address,
            waiting: Mutex::default(),
        }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a place to wait in for a poll of `owner` from `address`, `None` if all are taken.
    fn enter(&self, owner: Arc<Owner>, address: IpNet) -> Option<Place<'_>> {
        let mut counts = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = &mut *counts;
        let of_client = counts.by_client.get(&owner).copied().unwrap_or_default();
        let of_address = counts.by_address.get(&address).copied().unwrap_or_default();
        if counts.all >= self.limit
            || of_client >= self.limit_of_client
            || of_address >= self.limit_of_address
        {
            return None;
        }
        counts.all += 1;
        counts.by_client.insert(Arc::clone(&owner), of_client + 1);
        counts.by_address.insert(address, of_address + 1);
        Some(Place { polls: self, owner, address })
    }
}

/// A place to wait in; it is free again when dropped.
struct Place<'a> {
    polls: &'a WaitingPolls,
    owner: Arc<Owner>,
    address: IpNet,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut counts = self.polls.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        decrease(&mut counts.by_client, &self.owner);
        decrease(&mut counts.by_address, &self.address);
    }
}

fn decrease<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
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

/// Polls, and where nobody has decided yet, waits until somebody has, the code expires, `patience` is over, or the
/// server stops. The answer is that of any poll.
pub async fn poll(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &PollRequest,
    patience: Duration,
    origin: &RequestOrigin,
) -> (Result<IssuedTokens, OAuthError>, Preference) {
    let first = poll::poll(app, tenant, client, request, origin).await;
    let pending = matches!(&first, Err(error) if error.code == ErrorCode::AuthorizationPending);
    if !pending {
        return (first, Preference::Applied);
    }
    let Some(_place) = app.waiting_polls.enter(app.owners.of(client), origin.limit_unit()) else {
        return (first, Preference::Ignored);
    };
    let code = match poll::read(app, tenant, request).await {
        Ok(code) => code,
        Err(error) => return (Err(error), Preference::Ignored),
    };
    match decision(app, code.authorization(), patience.min(MAX_WAIT)).await {
        Ended::ByDecision => {
            let answer = Box::pin(poll::ask_database(app, tenant, client, request, &code, origin)).await;
            (answer, Preference::Applied)
        }
        Ended::ByTime => (first, Preference::Applied),
        Ended::AtOnce => (first, Preference::Ignored),
    }
}

/// How the waiting ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    ByDecision,
    ByTime,
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
