//! Tenants: finding the one a request is for, and making new ones.

use std::sync::Arc;

use serde_json::json;

use super::audit;
use super::oauth_error::{ErrorCode, OAuthError};
use super::signing_keys;
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::ids::TenantId;
use crate::model::scope::{STANDARD, Scope};
use crate::model::signing_key::SigningAlgorithm;
use crate::model::tenant::{DEFAULT_TENANT, Tenant, TenantSlug};
use crate::store::{self, scopes, tenants};

/// The tenant a request is for; a disabled one looks like none.
pub async fn find(app: &App, slug: &TenantSlug) -> Result<Arc<Tenant>, OAuthError> {
    app.cached
        .tenant(&app.db, slug)
        .await?
        .filter(|tenant| tenant.enabled)
        .ok_or(OAuthError::new(ErrorCode::NotFound, "There is nothing at this address."))
}

/// The tenant's issuer identifier (RFC 8414 §2).
#[must_use]
pub fn issuer(app: &App, slug: &TenantSlug) -> String {
    format!("{}{}", app.config.public_origin(), slug.path_prefix())
}

/// Makes the default tenant, if it is not there yet.
pub async fn ensure_default(app: &App) -> Result<(), OAuthError> {
    create_with_id(app, DEFAULT_TENANT, TenantSlug::root(), "Latchkey").await?;
    // RSA takes its time, and so does the first signature, for which the library seeds its generator; do both now
    // rather than during somebody's first request.
    signing_keys::ensure(app, DEFAULT_TENANT).await?;
    let key = signing_keys::signing(app, DEFAULT_TENANT, SigningAlgorithm::Es256).await?;
    key.pair.sign(b"").map(drop).map_err(OAuthError::fault)
}

/// Makes a tenant with its standard scopes and signing keys; `None`: the name is taken.
pub async fn create(app: &App, slug: TenantSlug, name: &str) -> Result<Option<TenantId>, OAuthError> {
    let id = TenantId(app.random.uuid_v7(app.clock.now()));
    if !create_with_id(app, id, slug, name).await? {
        return Ok(None);
    }
    signing_keys::ensure(app, id).await?;
    Ok(Some(id))
}

async fn create_with_id(app: &App, id: TenantId, slug: TenantSlug, name: &str) -> store::Result<bool> {
    let now = app.clock.now();
    let mut transaction = app.db.begin().await?;
    let tenant = Tenant { id, slug, name: name.to_owned(), enabled: true, tokens_not_before: None };
    if !tenants::insert(&mut *transaction, &tenant, now).await? {
        return Ok(false);
    }
    for (name, description, required_role) in STANDARD {
        let scope = Scope { name: name.to_owned(), description: description.to_owned(), required_role };
        scopes::insert(&mut *transaction, id, &scope, now).await?;
    }
    let event = AuditEvent {
        action: Action::TenantCreated,
        outcome: Outcome::Success,
        actor: Actor::Operator,
        target_kind: "tenant",
        target_id: Some(id.to_string()),
        origin: None,
        details: json!({"slug": tenant.slug.as_str(), "name": name}),
    };
    audit::record(app, &mut *transaction, id, &event).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(true)
}
