//! Step 1: a device asks for codes (RFC 8628 §3.1, §3.2).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::user_code_context;
use crate::app::App;
use crate::domain::approval::may_connect_from;
use crate::domain::authenticate_client::AuthenticatedClient;
use crate::domain::dpop::Proof;
use crate::domain::oauth_error::{ErrorCode, OAuthError};
use crate::domain::own_audiences::OwnAudiences;
use crate::domain::{activity, granting, lost_starts, mac_keys, policies, tenants};
use crate::model::attempt_budget::{Guard, Refill};
use crate::model::bearer_secret::BearerSecret;
use crate::model::client::GrantType;
use crate::model::device::DeviceDescription;
use crate::model::device_authorization::Polling;
use crate::model::device_code::DeviceCode;
use crate::model::ids::DeviceAuthorizationId;
use crate::model::policy::approval::{ApprovalPolicy, ReverseConfirmation, Switch};
use crate::model::request_origin::RequestOrigin;
use crate::model::tenant::Tenant;
use crate::model::user_code::{self, UserCode};
use crate::store::clients;
use crate::store::device_authorizations::memory::PendingSession;
use crate::store::device_authorizations::starts::{self, NewDeviceAuthorization, Stored};
use crate::store::sending::Sending;

/// How often another user code is drawn when one is taken. Even with as many live codes as a length allows, the
/// chance of so many collisions in a row is below 10⁻²⁰.
const MAX_DRAWS: usize = 8;
/// When a device may ask again while too many codes wait.
const QUOTA_RETRY_AFTER: TimeDelta = TimeDelta::seconds(60);

#[derive(Debug)]
pub struct StartRequest {
    pub scope: Option<String>,
    /// `resource`, which may be repeated (RFC 8707 §2).
    pub resources: Vec<String>,
    /// `nonce`, for the ID token of this code (OpenID Connect Core §2).
    pub nonce: Option<String>,
    /// The proof of a key (RFC 9449): from now on only that key may go on.
    pub proof: Option<Proof>,
    pub device: DeviceDescription,
}

/// What it gets (RFC 8628 §3.2).
#[derive(Debug)]
pub struct Started {
    /// The session, for whoever administers it.
    pub session: DeviceAuthorizationId,
    pub device_code: BearerSecret,
    pub user_code: UserCode,
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: Option<String>,
    /// Lifetime of both codes in seconds.
    pub expires_in: u32,
    pub interval: u32,
    /// Whether the device is to ask for what the approval page shows.
    pub confirmation: ReverseConfirmation,
}

/// Issues a device code and a user code; both are stored when this returns.
pub async fn start(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    request: StartRequest,
    origin: &RequestOrigin,
) -> Result<Started, OAuthError> {
    client.require(GrantType::DeviceCode)?;
    let policy = policies::effective(app, tenant, client).approval;
    check_source(app, tenant, &policy, origin).await?;
    let catalogue = app.cached.scopes(&app.db, tenant.id).await?;
    let key = request.proof.as_ref().map(Proof::key);
    let requested_scopes = granting::requested(client, &catalogue, request.scope.as_deref(), key)?;
    let known = app.cached.resources(&app.db, tenant.id).await?;
    let audiences = OwnAudiences::of(app, tenant).await?;
    let resources = granting::requested_resources(&known, &audiences.known(), &request.resources)?;
    let live = check_quotas(app, tenant, client, origin).await?;
    if let Some(proof) = &request.proof {
        proof.spend(app).await?;
    }

    let now = app.clock.now();
    let settings = &app.config.device_flow;
    let length = user_code::length_for(live + 1);
    let mut user_code = UserCode::sample(length, &app.random);
    let id = DeviceAuthorizationId(app.random.uuid_v7(now));
    let expires_at = now + settings.code_lifetime();
    let code = DeviceCode::generate(id, expires_at, &app.random);
    let device_code = code.write(tenant.id, &*mac_keys::tokens(app, tenant.id).await?);
    let mut session = NewDeviceAuthorization {
        id,
        client: client.shared(),
        device_code_hash: code.hash(),
        user_code_mac: [0; 32],
        user_code_sealed: Vec::new(),
        requested_scopes,
        resources,
        nonce: request.nonce,
        dpop_key: key,
        device: Arc::new(request.device),
        ip_address: origin.ip_address,
        place: app.geo.place_of(origin.ip_address),
        user_agent: origin.user_agent.clone(),
        created_at: now,
        expires_at,
        interval_seconds: settings.poll_interval_seconds,
        sending: Sending::default(),
    };
    for _ in 0..MAX_DRAWS {
        let context = user_code_context(id);
        session.user_code_mac = mac_keys::codes::user_code(app, tenant.id, &user_code).await?;
        session.user_code_sealed =
            app.secrets.database.seal(user_code.as_str().as_bytes(), &context, &app.random);
        session.sending = Sending::default();
        let watched = app.lost_starts.watch(tenant.id, id, session.sending.clone());
        let stored = app.observe(app.queues.starts.submit(session.clone()).await)?;
        watched.settle();
        if stored == Stored::Yes {
            client.repeat_in_flow(app, device_code.hash()).await?;
            app.pending_counts.add(tenant.id);
            activity::count_start(app, tenant.id);
            remember(app, &session, now);
            return Ok(started(app, tenant, id, device_code, user_code, policy.reverse_confirmation));
        }
        user_code = UserCode::sample(length, &app.random);
    }
    if clients::find(&app.db, tenant.id, client.client_id.as_str()).await?.is_none() {
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, "This client was deleted."));
    }
    Err(OAuthError::fault("no free user code was found"))
}

/// The polls that follow need not ask the database.
fn remember(app: &App, session: &NewDeviceAuthorization, now: DateTime<Utc>) {
    let polling = Polling { interval_seconds: session.interval_seconds, last_polled_at: None };
    let owner = app.owners.of(&session.client);
    let pending = PendingSession::new(session.id, owner, session.expires_at, polling);
    app.sessions.remember_new(pending.bound_to(session.dpop_key), now);
}

fn started(
    app: &App,
    tenant: &Tenant,
    session: DeviceAuthorizationId,
    device_code: BearerSecret,
    user_code: UserCode,
    confirmation: ReverseConfirmation,
) -> Started {
    let settings = &app.config.device_flow;
    let verification_uri = format!("{}/device", tenants::issuer(app, tenant));
    Started {
        session,
        verification_uri_complete: settings
            .verification_uri_complete
            .then(|| format!("{verification_uri}?user_code={user_code}")),
        verification_uri,
        device_code,
        user_code,
        expires_in: settings.code_lifetime_seconds,
        interval: settings.poll_interval_seconds,
        confirmation,
    }
}

/// Refuses codes where nobody could approve them, and to sources that are frozen.
async fn check_source(
    app: &App,
    tenant: &Tenant,
    policy: &ApprovalPolicy,
    origin: &RequestOrigin,
) -> Result<(), OAuthError> {
    if policy.device_grant == Switch::Off || !may_connect_from(policy, origin.ip_address) {
        let description = "Devices cannot be connected here.";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, description));
    }
    let now = app.clock.now();
    let frozen = app.cached.frozen_sources(&app.db, tenant.id).await?;
    let source =
        frozen.iter().find(|frozen| frozen.until > now && frozen.source.contains(&origin.ip_address));
    match source {
        None => Ok(()),
        Some(frozen) => {
            metrics::counter!("latchkey_frozen_source_starts_total").increment(1);
            let code = ErrorCode::TooManyRequests { retry_after: frozen.until - now };
            Err(OAuthError::new(code, "New codes are temporarily blocked for this address."))
        }
    }
}

/// Refuses a flood before it becomes rows; otherwise how many codes of the tenant are waiting.
async fn check_quotas(
    app: &App,
    tenant: &Tenant,
    client: &AuthenticatedClient,
    origin: &RequestOrigin,
) -> Result<u64, OAuthError> {
    let too_many = |retry_after| {
        let code = ErrorCode::TooManyRequests { retry_after };
        Err(OAuthError::new(code, "Too many device authorization requests; try again later."))
    };
    let now = app.clock.now();
    let limits = &app.config.rate_limits;
    if limits.enabled {
        let guard = Guard {
            name: "start/address",
            capacity: f64::from(limits.device_authorization_burst),
            refill: Refill::OneEach(
                TimeDelta::minutes(1)
                    / i32::try_from(limits.device_authorization_per_minute).unwrap_or(i32::MAX),
            ),
        };
        if let Err(exhausted) = app.start_buckets.pay(&guard, origin.limit_unit(), now) {
            return too_many(exhausted.retry_after);
        }
        let most = app.config.device_flow.max_pending_per_client_and_address;
        let count = async || {
            let counted = starts::count_pending_from(&app.db, tenant.id, &client.client_id, origin, now);
            app.observe(counted.await)
        };
        // Codes that no one received do not count.
        if count().await? >= most && (lost_starts::discard(app).await? == 0 || count().await? >= most) {
            return too_many(QUOTA_RETRY_AFTER);
        }
    }
    let cap = app.config.device_flow.max_pending_per_tenant;
    let live = app.pending_counts.get(&app.db, tenant.id, cap, now).await?;
    if live >= cap {
        return too_many(QUOTA_RETRY_AFTER);
    }
    Ok(live)
}
