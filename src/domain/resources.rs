//! The services that access tokens are for (RFC 8707).

use serde_json::json;

use super::{audit, tenants};
use crate::app::App;
use crate::model::audit_event::{Action, Actor, AuditEvent, Outcome};
use crate::model::device::displayable;
use crate::model::resource::Resource;
use crate::model::tenant::{Tenant, TenantSlug};
use crate::store::{StoreError, clients, resources};

/// The services that tokens are for where these were named: the tenant's default where none was.
#[must_use]
pub fn or_default(app: &App, tenant: &Tenant, named: Vec<String>) -> Vec<String> {
    if named.is_empty() { vec![default_audience(app, &tenant.slug)] } else { named }
}

/// Why a resource cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ResourceError {
    /// There is one already.
    #[error("there is a resource of this URI already")]
    UriTaken,
    /// A token for it could pass for another token (RFC 9068 §3).
    #[error("a resource is neither the issuer nor a client, or an ID token could pass for an access token")]
    IssuerOrClient,
    /// The name cannot be shown to people.
    #[error("a resource's name has 1 to 128 characters, without control or direction characters")]
    UnfitName,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ResourceError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes a resource known: from now on clients may ask for tokens for it.
pub async fn create(app: &App, tenant: &Tenant, mut resource: Resource) -> Result<(), ResourceError> {
    resource.name = displayable(&resource.name).map_err(|_| ResourceError::UnfitName)?;
    if resource.name.is_empty() {
        return Err(ResourceError::UnfitName);
    }
    let mut transaction = app.db.begin().await?;
    // Some verifiers overlook a slash at the end, and case does not matter in most of it.
    let issuer = tenants::issuer(app, &tenant.slug);
    let is_issuer = resource.uri.trim_end_matches('/').eq_ignore_ascii_case(&issuer);
    if is_issuer || clients::find(&mut *transaction, tenant.id, &resource.uri).await?.is_some() {
        return Err(ResourceError::IssuerOrClient);
    }
    if !resources::insert(&mut *transaction, tenant.id, &resource, app.clock.now()).await? {
        return Err(ResourceError::UriTaken);
    }
    let event = AuditEvent {
        action: Action::ResourceCreated,
        outcome: Outcome::Success,
        actor: Actor::Operator,
        target_kind: "resource",
        target_id: Some(resource.uri),
        origin: None,
        details: json!({"name": resource.name}),
    };
    audit::record(app, &mut *transaction, tenant.id, &event).await?;
    transaction.commit().await?;
    app.cached.renew();
    Ok(())
}

/// The service that tokens are for when nobody named one (RFC 9068 §3). Always known.
#[must_use]
pub fn default_audience(app: &App, slug: &TenantSlug) -> String {
    let set = app.config.tokens.default_audience.clone();
    set.unwrap_or_else(|| format!("{}/api", tenants::issuer(app, slug)))
}
