//! Step 3: a signed-in person enters a user code and sees what it stands for (RFC 8628 §3.3).
//!
//! Whatever is wrong with a code, the person is told the same: nobody learns which codes are live.

use std::sync::Arc;

use serde_json::json;

use super::unseal_user_code;
use crate::app::App;
use crate::domain::oauth_error::OAuthError;
use crate::domain::{audit, granting, guards, sign_in};
use crate::model::attempt_budget::Exhausted;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::browser_session::BrowserSession;
use crate::model::client::{Client, GrantType};
use crate::model::device_session::{DeviceRequest, MAX_OPENINGS, Phase};
use crate::model::ids::{DeviceSessionId, TenantId, UserId};
use crate::model::request_origin::RequestOrigin;
use crate::model::resource::Resource;
use crate::model::scope::{Scope, ScopeSet};
use crate::model::tenant::Tenant;
use crate::model::user_code::UserCode;
use crate::store::StoreError;
use crate::store::announcements::{Announcement, announce};
use crate::store::device_sessions::decisions;
use crate::store::device_sessions::openings::{self, Opening};

/// Why a code does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenRefused {
    /// There is no such code, or none that can be opened.
    #[error("no such code")]
    NoSuchCode,
    /// Too many wrong codes before.
    #[error(transparent)]
    TooManyAttempts(#[from] Exhausted),
    /// The person signed in too long ago.
    #[error("a fresh sign-in is needed")]
    StaleSignIn,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for OpenRefused {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What becomes of an attempt to open a live code.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Open,
    /// Another account has it open, or it is not waiting any more.
    Unavailable,
    /// It was opened too often: somebody passes it round. It dies.
    Kill,
}

/// The rule: one account at a time, and only so often.
fn judge(opening: &Opening, user: UserId, now: chrono::DateTime<chrono::Utc>) -> Verdict {
    let waiting = matches!(opening.request.session.phase(now), Phase::Pending);
    if !waiting || opening.held_by.is_some_and(|holder| holder != user) {
        Verdict::Unavailable
    } else if opening.opened_count >= MAX_OPENINGS {
        Verdict::Kill
    } else {
        Verdict::Open
    }
}

/// Opens the code that `input` spells for this browser. Each attempt counts, a right one is given back.
pub async fn open(
    app: &App,
    tenant: &Tenant,
    browser: &BrowserSession,
    input: &str,
    origin: &RequestOrigin,
) -> Result<DeviceSessionId, OpenRefused> {
    if !sign_in::is_fresh(app, browser) {
        return Err(OpenRefused::StaleSignIn);
    }
    let attempt = match guards::pay_for_code_entry(app, tenant.id, browser.user.id, origin).await? {
        Ok(attempt) => attempt,
        Err(exhausted) => {
            record_refusal(app, tenant, browser, origin, "too many attempts").await?;
            return Err(exhausted.into());
        }
    };
    // A malformed code is looked up like any other, so that it takes the same time.
    let code = UserCode::parse(input);
    let mac = match &code {
        Ok(code) => app.secrets.user_code_mac(tenant.id, code),
        Err(_) => [0; 32],
    };
    let now = app.clock.now();
    let mut transaction = app.db.begin().await?;
    let opening = openings::lock(&mut transaction, tenant.id, mac, now, sign_in::idle_limit(app)).await?;
    let verdict = opening.as_ref().map(|opening| judge(opening, browser.user.id, now));
    let (Some(opening), Some(verdict)) = (opening, verdict) else {
        drop(transaction);
        record_refusal(app, tenant, browser, origin, "no such code").await?;
        return Err(OpenRefused::NoSuchCode);
    };
    let id = opening.request.session.id;
    let (action, outcome) = match verdict {
        Verdict::Open => {
            attempt.give_back(&mut transaction).await?;
            openings::record(&mut transaction, id, browser.id).await?;
            (Action::DeviceSessionOpened, Outcome::Success)
        }
        Verdict::Unavailable => (Action::DeviceSessionOpened, Outcome::Refused),
        Verdict::Kill => {
            if let Some(code) = decisions::kill(&mut *transaction, id, now).await? {
                announce(&mut *transaction, Announcement::Decided(code)).await?;
            }
            (Action::DeviceSessionDenied, Outcome::Success)
        }
    };
    let event = AuditEvent {
        action,
        outcome,
        actor: Actor::User(browser.user.id),
        target_kind: "device_session",
        target_id: Some(id.to_string()),
        origin: Some(origin),
        details: json!({"verdict": format!("{verdict:?}"), "opened_before": opening.opened_count}),
    };
    audit::record(app, &mut *transaction, tenant.id, &event).await?;
    transaction.commit().await?;
    if verdict == Verdict::Open { Ok(id) } else { Err(OpenRefused::NoSuchCode) }
}

async fn record_refusal(
    app: &App,
    tenant: &Tenant,
    browser: &BrowserSession,
    origin: &RequestOrigin,
    reason: &str,
) -> Result<(), StoreError> {
    let event = AuditEvent {
        action: Action::UserCodeEntered,
        outcome: Outcome::Refused,
        actor: Actor::User(browser.user.id),
        target_kind: "user_code",
        target_id: None,
        origin: Some(origin),
        details: json!({"reason": reason}),
    };
    audit::record(app, &app.db, tenant.id, &event).await
}

/// What the person is asked to agree to.
#[derive(Debug)]
pub struct Consent {
    /// The request.
    pub request: DeviceRequest,
    /// Who asks.
    pub client: Arc<Client>,
    /// The code, to compare it with the device's.
    pub user_code: UserCode,
    /// The rights, as the person would grant them now.
    pub scopes: Vec<Scope>,
    /// The services it asks for by name; none: the tenant's default.
    pub resources: Vec<Resource>,
}

impl Consent {
    /// The names of the rights.
    #[must_use]
    pub fn scope_names(&self) -> ScopeSet {
        self.scopes.iter().map(|scope| scope.name.clone()).collect()
    }
}

/// What this browser has open, if it still waits for a decision. Reading changes nothing.
pub async fn opened(
    app: &App,
    tenant: &Tenant,
    browser: &BrowserSession,
) -> Result<Option<Consent>, OAuthError> {
    match openings::held_by(&app.db, tenant.id, browser.id, app.clock.now()).await? {
        Some(id) => consent(app, tenant.id, browser, id).await,
        None => Ok(None),
    }
}

/// What `id` asks for, if this browser has it open and its client may still ask.
pub(super) async fn consent(
    app: &App,
    tenant: TenantId,
    browser: &BrowserSession,
    id: DeviceSessionId,
) -> Result<Option<Consent>, OAuthError> {
    let Some(request) = openings::find(&app.db, tenant, id).await? else { return Ok(None) };
    let Some(client) = app.cached.client(&app.db, tenant, request.session.client_id.as_str()).await? else {
        return Ok(None);
    };
    let may_ask = client.enabled && !client.owner_is_shut() && client.may_use(GrantType::DeviceCode);
    if request.opened_by != Some(browser.id) || !may_ask {
        return Ok(None);
    }
    let catalogue = app.cached.scopes(&app.db, tenant).await?;
    let known = app.cached.resources(&app.db, tenant).await?;
    let granted = granting::grantable(request.requested_scopes.as_ref(), &client, &catalogue, &browser.user);
    Ok(Some(Consent {
        user_code: unseal_user_code(app, &request)?,
        resources: request.resources.iter().map(|uri| named(&known, uri)).collect(),
        scopes: catalogue.iter().filter(|scope| granted.contains(&scope.name)).cloned().collect(),
        request,
        client,
    }))
}

/// The service with the name people know it by. The tenant's default has none unless it is registered.
fn named(known: &[Resource], uri: &str) -> Resource {
    let found = known.iter().find(|resource| resource.uri == uri).cloned();
    found.unwrap_or_else(|| Resource { uri: uri.to_owned(), name: uri.to_owned() })
}
