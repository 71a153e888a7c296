//! Step 5: the device asks whether somebody has decided (RFC 8628 §3.4, §3.5).

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::answer::{Asker, Known, Verdict, answer, answer_remembered};
use super::redeem::{self, Collection};
use super::{collect, confirm};
use crate::app::App;
use crate::domain::authenticate_client::AuthenticatedClient;
use crate::domain::dpop::Proof;
use crate::domain::mac_keys;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::tokens::IssuedTokens;
use crate::model::client::GrantType;
use crate::model::device_authorization::State;
use crate::model::device_code::DeviceCode;
use crate::model::ids::{DeviceAuthorizationId, DeviceId};
use crate::model::key_thumbprint::KeyThumbprint;
use crate::model::refresh_token::FIRST_GENERATION;
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::store::device_authorizations::memory::{
    CountedPoll, PendingSession, PollAnswer, Remembered, Ticket,
};
use crate::store::device_authorizations::polls::{self, CodeName, FoundSession};
use crate::store::refresh_tokens::unanswered::Unanswered;

/// What a device sends (RFC 8628 §3.4).
#[derive(Debug)]
pub struct PollRequest {
    pub device_code: String,
    /// `confirmation_code`: what the approval page shows, where the person has typed it into the device.
    pub confirmation_code: Option<String>,
    /// `scope`, to narrow what the access token allows.
    pub scope: Option<String>,
    /// `resource` (RFC 8707 §2.2).
    pub resources: Vec<String>,
    /// The proof of a key (RFC 9449).
    pub proof: Option<Proof>,
}

impl PollRequest {
    #[must_use]
    pub fn dpop_key(&self) -> Option<KeyThumbprint> {
        self.proof.as_ref().map(Proof::key)
    }
}

/// Answers a poll with tokens or an RFC 8628 §3.5 error. The cache answers pending polls; everything else reads the
/// database.
pub async fn poll(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &PollRequest,
    origin: &RequestOrigin,
) -> Result<IssuedTokens, OAuthError> {
    let code = read(app, tenant, client, request).await?;
    ask(app, tenant, client, request, &code, origin).await
}

/// Answers a poll whose code was read.
pub(super) async fn ask(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &PollRequest,
    code: &DeviceCode,
    origin: &RequestOrigin,
) -> Result<IssuedTokens, OAuthError> {
    match by_memory(app, code.authorization(), asker(client, request)) {
        // Paced like any other poll; the person may have approved, and memory cannot know.
        Some(Known::Pending) if request.confirmation_code.is_some() => {
            Box::pin(confirm_in_database(app, tenant, client, request, code, origin)).await
        }
        Some(known) => Err(refusal(known)),
        // Boxed, for it is many times as large as what most polls need, and would be carried along with each.
        None => Box::pin(ask_database(app, tenant, client, request, code, origin)).await,
    }
}

fn asker<'a>(client: &'a AuthenticatedClient, request: &PollRequest) -> Asker<'a> {
    Asker { client, place: client.place(), dpop_key: request.dpop_key() }
}

/// Reads the device code of a client that may have one. One that the server did not issue for the tenant is refused
/// without a statement.
pub(super) async fn read(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &PollRequest,
) -> Result<DeviceCode, OAuthError> {
    client.require(GrantType::DeviceCode)?;
    let key = mac_keys::tokens(app, tenant.id).await?;
    DeviceCode::read(tenant.id, &key, &request.device_code).ok_or_else(unknown)
}

/// By what a code is looked up.
pub(super) fn name(tenant: &Tenant, code: &DeviceCode) -> CodeName {
    (tenant.id, (code.authorization(), code.hash()))
}

fn by_memory(app: &App, id: DeviceAuthorizationId, asker: Asker<'_>) -> Option<Known> {
    let now = app.clock.now();
    app.sessions.with(&id, |session| answer_remembered(session, asker, now)).flatten()
}

/// Answers a poll from the database.
pub(super) async fn ask_database(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &PollRequest,
    code: &DeviceCode,
    origin: &RequestOrigin,
) -> Result<IssuedTokens, OAuthError> {
    if let Some(tokens) = collect::collect(app, tenant, client, request, code, origin).await? {
        return Ok(tokens);
    }
    let now = app.clock.now();
    let id = code.authorization();
    let ticket = app.sessions.ticket(&id);
    let asker = asker(client, request);
    let asking = app.queues.polls.submit(name(tenant, code));
    let found = if app.sessions.with_untrusted(&id, |_| ()).is_some() {
        app.reachability.unless_doubted(asking).await
    } else {
        asking.await
    };
    let found = match app.observe(found) {
        // A device must not stop for our trouble: as far as anybody knows, its code is still waiting.
        Err(error) if error.is_passing() => {
            let known = app.sessions.with_untrusted(&id, |session| answer_remembered(session, asker, now));
            return match known.flatten() {
                Some(known) => Err(refusal(known)),
                None => Err(error.into()),
            };
        }
        found => notice_loss(app, found?.ok_or_else(|| gone(code, now))?),
    };
    let collection = Collection { tenant, client, code, found: &found, request, origin };
    match answer(&found.session, &found.polling, found.first_tokens, asker, now) {
        Verdict::Pending | Verdict::SlowDown { .. } => {
            match still_waiting(app, asker, &found, ticket, now).await? {
                Known::Pending => confirm::confirm(app, &collection).await,
                known => Err(refusal(known)),
            }
        }
        verdict => conclude(app, &collection, verdict).await,
    }
}

/// Adds what this server knows of a lost answer and the row does not show yet.
pub(super) fn notice_loss(app: &App, mut found: FoundSession) -> FoundSession {
    let session = &found.session;
    if let (Some(first), State::Consumed(consumption)) = (&mut found.first_tokens, &session.state) {
        first.unanswered |= app.lost_answers.is_lost(&Unanswered {
            tenant: session.tenant_id,
            device: DeviceId(session.id.0),
            generation: FIRST_GENERATION,
            issued_at: consumption.at,
        });
    }
    found
}

/// The answer to a poll that memory took for one of a waiting session, and that may confirm it. Memory has counted it.
async fn confirm_in_database(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: &PollRequest,
    code: &DeviceCode,
    origin: &RequestOrigin,
) -> Result<IssuedTokens, OAuthError> {
    let found = app.queues.polls.submit(name(tenant, code)).await?;
    let found = found.ok_or_else(|| gone(code, app.clock.now()))?;
    let collection = Collection { tenant, client, code, found: &found, request, origin };
    let asker = asker(client, request);
    match answer(&found.session, &found.polling, found.first_tokens, asker, app.clock.now()) {
        Verdict::Pending | Verdict::SlowDown { .. } => confirm::confirm(app, &collection).await,
        verdict => conclude(app, &collection, verdict).await,
    }
}

/// The answer where somebody has decided, or time has.
async fn conclude(
    app: &App,
    collection: &Collection<'_>,
    verdict: Verdict,
) -> Result<IssuedTokens, OAuthError> {
    let &Collection { client, found, request, origin, .. } = collection;
    let refuse = |code, description| Err(OAuthError::new(code, description));
    match verdict {
        Verdict::Pending | Verdict::SlowDown { .. } => Err(pending()),
        Verdict::Denied => refuse(ErrorCode::AccessDenied, "The request was denied."),
        Verdict::Expired => Err(expired()),
        // Its answer may be among those that were lost with the database, and the mark that says so yet to be written.
        Verdict::JustRedeemed | Verdict::Replayed if may_be_unanswered(app, found) => Err(unsettled()),
        Verdict::Foreign | Verdict::JustRedeemed => Err(unknown()),
        Verdict::Replayed => {
            // A whole request that is sent again is no theft of the code.
            if let Some(proof) = &request.proof {
                proof.spend(app).await?;
            }
            redeem::revoke_replayed(app, &found.session, client, origin).await?;
            Err(unknown())
        }
        Verdict::Redeem(approval) => redeem::redeem(app, collection, &approval).await,
        Verdict::Repeat => redeem::repeat(app, collection).await,
    }
}

/// Applies the rule to a session that the database says is waiting: in memory, where it is remembered from now on,
/// or in the database, where memory is full or not to be trusted.
async fn still_waiting(
    app: &App,
    asker: Asker<'_>,
    found: &FoundSession,
    ticket: Ticket,
    now: DateTime<Utc>,
) -> Result<Known, OAuthError> {
    let FoundSession { session, polling, .. } = found;
    let owner = app.owners.of(asker.client);
    let tally = Arc::clone(&owner.tally);
    if app.sessions.is_trusted() {
        let pending =
            PendingSession::new(session.id, owner, session.expires_at, *polling).bound_to(session.dpop_key);
        if app.sessions.remember_read(pending, ticket, now) == Remembered::Yes {
            // Where it was decided in this very moment, it was still pending when the poll came.
            return Ok(by_memory(app, session.id, asker).unwrap_or(Known::Pending));
        }
    }
    if let Some(repeated) = app.counted_polls.take_repeated(&session.id, asker.place, now) {
        return Ok(Known::again(repeated));
    }
    let (early, slowed) = (polling.is_early(now), polling.slowed_interval());
    let interval = if early { slowed } else { polling.interval_seconds };
    let silent_since = polling.silent_since(now);
    let alone = polls::record(&app.db, found, interval, slowed, silent_since, now).await?;
    tally.poll();
    let is_timely = alone && !early;
    let answer = if is_timely { PollAnswer::Pending } else { PollAnswer::SlowDown };
    app.counted_polls.note(session.id, CountedPoll { place: asker.place, answer }, now);
    if is_timely {
        return Ok(Known::Pending);
    }
    tally.early_poll();
    Ok(Known::SlowDown)
}

fn refusal(known: Known) -> OAuthError {
    match known {
        Known::Pending => pending(),
        Known::Foreign => unknown(),
        Known::SlowDown => {
            OAuthError::new(ErrorCode::SlowDown, "Polling too fast; wait 5 seconds longer between polls.")
        }
    }
}

/// Nobody has decided, or the device has not confirmed: which of them is not told, for whoever polls may be the one
/// who wants to know whether a person fell for it.
pub(super) fn pending() -> OAuthError {
    OAuthError::new(ErrorCode::AuthorizationPending, "The user has not decided yet.")
}

/// Returns `true` if the answer with the tokens of a code may be lost and no one knows it yet.
pub(super) fn may_be_unanswered(app: &App, found: &FoundSession) -> bool {
    match &found.session.state {
        State::Consumed(consumption) => app.lost_answers.may_be_lost(consumption.at, app.clock.now()),
        _ => false,
    }
}

pub(super) fn unsettled() -> OAuthError {
    let description = "The database was not available a moment ago; try again later.";
    OAuthError::new(ErrorCode::TemporarilyUnavailable, description)
}

/// The answer to a code without a row: deleted after its end, or with its client or user.
fn gone(code: &DeviceCode, now: DateTime<Utc>) -> OAuthError {
    if code.has_expired(now) { expired() } else { unknown() }
}

fn expired() -> OAuthError {
    OAuthError::new(ErrorCode::ExpiredToken, "The device code has expired; request a new one.")
}

pub(super) fn unknown() -> OAuthError {
    OAuthError::invalid_grant("The device code is invalid, already used or was issued to another client.")
}
