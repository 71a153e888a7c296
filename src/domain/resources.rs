//! The services that access tokens are for (RFC 8707).

use serde_json::json;

use super::audit::{self, By};
use super::change::Change;
use super::own_audiences::own_api;
use super::tenants;
use crate::app::App;
use crate::model::audit_event::{Action, Target};
use crate::model::device::displayable;
use crate::model::ids::{ResourceId, TenantId};
use crate::model::resource::Resource;
use crate::model::stored::Stored;
use crate::model::tenant::Tenant;
use crate::model::version::{MeantFor, VersionConflictError};
use crate::store::{StoreError, clients, resources};

/// Why a resource cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ResourceError {
    #[error("a resource with this URI already exists")]
    UriTaken,
    /// A token for it could pass for another token (RFC 9068 §3).
    #[error("a resource URI must not be the issuer or a client ID (RFC 9068 section 3)")]
    IssuerOrClient,
    /// The URI is the audience of this server's own APIs.
    #[error("the URI is the audience of this server's own APIs; choose another URI")]
    OwnApi,
    /// The name cannot be shown to people.
    #[error(
        "a resource name must have 1 to 128 characters, with no control or bidirectional characters and no \
         mixed alphabets in a word"
    )]
    UnfitName,
    #[error("resource not found")]
    NoSuchResource,
    /// It is not what the caller saw.
    #[error(transparent)]
    Stale(#[from] VersionConflictError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a resource known: from now on clients may ask for tokens for it. Returns it as it is stored.
pub async fn create(
    app: &App,
    tenant: &Tenant,
    mut resource: Resource,
    by: &By<'_>,
) -> Result<(ResourceId, Stored<Resource>), ResourceError> {
    resource.name = fit_name(&resource.name)?;
    let now = app.clock.now();
    let id = ResourceId(app.random.uuid_v7(now));
    let mut change = Change::begin(app, tenant.id, by).await?;
    // Some verifiers overlook a slash at the end, and case does not matter in most of it.
    let issuer = tenants::issuer(app, tenant);
    let is_issuer = resource.uri.trim_end_matches('/').eq_ignore_ascii_case(&issuer);
    if is_issuer || clients::find(&mut *change, tenant.id, &resource.uri).await?.is_some() {
        return Err(ResourceError::IssuerOrClient);
    }
    if resource.uri == own_api(app, tenant) {
        return Err(ResourceError::OwnApi);
    }
    if !resources::insert(&mut change, tenant.id, id, &resource, now).await? {
        return Err(ResourceError::UriTaken);
    }
    change
        .audit(
            Action::ResourceCreated,
            Target::Resource(resource.uri.clone()),
            json!({"name": resource.name}),
        )
        .await?;
    change.renews();
    change.commit().await?;
    Ok((id, Stored::first(resource, now)))
}

/// Gives a resource another name, and returns it as it is stored. Its URI stays: it stands in issued tokens.
pub async fn rename(
    app: &App,
    tenant: TenantId,
    id: ResourceId,
    name: &str,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<Stored<Resource>, ResourceError> {
    let name = fit_name(name)?;
    let mut change = Change::begin(app, tenant, by).await?;
    let before = resources::hold(&mut *change, tenant, id).await?.ok_or(ResourceError::NoSuchResource)?;
    meant_for.check(before.version)?;
    resources::rename(&mut change, tenant, id, &name).await?;
    let details = audit::difference(&json!({"name": before.value.name}), &json!({"name": name}));
    change.audit(Action::ResourceChanged, Target::Resource(before.value.uri.clone()), details).await?;
    change.renews();
    change.commit().await?;
    Ok(before.next(Resource { uri: before.value.uri.clone(), name }))
}

/// Forgets a resource: from now on nobody can ask for tokens for it. What was approved for it before goes on.
pub async fn delete(
    app: &App,
    tenant: TenantId,
    id: ResourceId,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<(), ResourceError> {
    let mut change = Change::begin(app, tenant, by).await?;
    let before = resources::hold(&mut *change, tenant, id).await?.ok_or(ResourceError::NoSuchResource)?;
    meant_for.check(before.version)?;
    resources::delete(&mut change, tenant, id).await?;
    let details = json!({"name": before.value.name});
    change.audit(Action::ResourceDeleted, Target::Resource(before.value.uri), details).await?;
    change.renews();
    Ok(change.commit().await?)
}

fn fit_name(name: &str) -> Result<String, ResourceError> {
    displayable(name).ok().filter(|name| !name.is_empty()).ok_or(ResourceError::UnfitName)
}
