//! Tenants: finding the one a request is for, making new ones, suspending and erasing them.

pub mod addresses;
mod create;

use std::sync::Arc;

use serde_json::json;

use super::audit::{self, By};
use super::change::Change;
use super::oauth_error::{ErrorCode, OAuthError};
use crate::app::App;
use crate::model::audit_event::{Action, Target};
use crate::model::device::displayable;
use crate::model::patch::Patch;
use crate::model::tenant::{DEFAULT_TENANT, Tenant, TenantSlug, TenantStanding};
use crate::model::tenant_host::TenantHost;
use crate::model::version::{MeantFor, VersionConflictError};
use crate::store::{StoreError, tenants};

use addresses::is_servers;
pub use addresses::{address, issuer};
pub use create::{Administered, CreateTenantError, create, create_with_administrator, ensure_default};

/// Why a tenant cannot be changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    #[error("tenant not found")]
    NoSuchTenant,
    /// The default tenant is always there.
    #[error("the default tenant cannot be deleted")]
    IsTheDefault,
    /// Whoever administers all tenants would lock themselves out.
    #[error("the default tenant cannot be disabled")]
    DefaultStaysEnabled,
    /// It is where the server itself is, or a tenant that has no place but there.
    #[error("the host of public_url is reserved for the default tenant")]
    HostIsServers,
    /// Each host leads to one tenant.
    #[error("another tenant already uses this host")]
    HostTaken,
    /// The name cannot be shown to people.
    #[error(
        "a tenant name must have 1 to 128 characters, with no control or bidirectional characters and no \
         mixed alphabets in a word"
    )]
    UnfitName,
    /// It is not what the caller saw.
    #[error(transparent)]
    Stale(#[from] VersionConflictError),
    #[error("only a disabled tenant can be deleted")]
    IsEnabled,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The tenant a request is for; a disabled one looks like none.
pub async fn find(app: &App, slug: &TenantSlug) -> Result<Arc<Tenant>, OAuthError> {
    app.cached
        .tenant(&app.db, slug)
        .await?
        .filter(|tenant| tenant.enabled)
        .ok_or(OAuthError::new(ErrorCode::NotFound, "There is nothing at this URL."))
}

/// The tenant that is at this host, if it is one's own.
pub async fn at_host(app: &App, host: &TenantHost) -> Result<Option<TenantSlug>, OAuthError> {
    // The server's own host is never a tenant's.
    if is_servers(app, host) { Ok(None) } else { Ok(app.cached.tenant_at(&app.db, host).await?) }
}

/// What becomes of a tenant; what is `None` stays.
#[derive(Debug, Default)]
pub struct TenantChange {
    pub name: Option<String>,
    /// The host that is its own.
    pub host: Patch<TenantHost>,
    /// Suspends it, or lets it go on. While it is suspended nothing of it answers, and none of its tokens counts.
    pub standing: Option<TenantStanding>,
}

/// Changes a tenant; what it is then.
pub async fn change(
    app: &App,
    slug: &TenantSlug,
    asked: TenantChange,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<Tenant, TenantError> {
    let (mut change, before) = hold(app, slug, meant_for, by).await?;
    let mut after = before.clone();
    if let Some(standing) = asked.standing {
        after.enabled = standing == TenantStanding::Enabled;
        if before.id == DEFAULT_TENANT && !after.enabled {
            return Err(TenantError::DefaultStaysEnabled);
        }
        tenants::set_standing(&mut change, before.id, standing).await?;
    }
    if let Some(name) = asked.name {
        after.name = fit_name(&name)?;
        tenants::rename(&mut change, before.id, &after.name).await?;
    }
    after.host = asked.host.apply(before.host.clone());
    if after.host != before.host {
        if before.id == DEFAULT_TENANT || after.host.as_ref().is_some_and(|host| is_servers(app, host)) {
            return Err(TenantError::HostIsServers);
        }
        if !tenants::set_host(&mut change, before.id, after.host.as_ref()).await? {
            return Err(TenantError::HostTaken);
        }
    }
    let described = |tenant: &Tenant| {
        let host = tenant.host.as_ref().map(TenantHost::as_str);
        json!({"name": tenant.name, "host": host, "enabled": tenant.enabled})
    };
    let details = audit::difference(&described(&before), &described(&after));
    change.audit(Action::TenantChanged, Target::Tenant(before.id), details).await?;
    change.renews();
    change.commit().await?;
    Ok(after)
}

/// The name of a tenant in its one form.
pub fn fit_name(name: &str) -> Result<String, TenantError> {
    displayable(name).ok().filter(|name| !name.is_empty()).ok_or(TenantError::UnfitName)
}

/// Suspends a tenant, or lets it go on, as the operator.
pub async fn set_standing(app: &App, slug: &TenantSlug, standing: TenantStanding) -> Result<(), TenantError> {
    let asked = TenantChange { standing: Some(standing), ..TenantChange::default() };
    change(app, slug, asked, &MeantFor::Any, &By::OPERATOR).await.map(drop)
}

/// Erases a suspended tenant with everything that is its own. Its audit trail stays.
pub async fn delete(
    app: &App,
    slug: &TenantSlug,
    meant_for: &MeantFor,
    by: &By<'_>,
) -> Result<(), TenantError> {
    let (mut change, tenant) = hold(app, slug, meant_for, by).await?;
    if tenant.id == DEFAULT_TENANT {
        return Err(TenantError::IsTheDefault);
    }
    if tenant.enabled {
        return Err(TenantError::IsEnabled);
    }
    tenants::erase(&mut change, tenant.id).await?;
    let details = json!({"slug": slug.as_str(), "name": tenant.name});
    change.audit(Action::TenantDeleted, Target::Tenant(tenant.id), details).await?;
    change.renews();
    Ok(change.commit().await?)
}

/// Begins a change of a tenant that is as the caller saw it.
async fn hold<'a>(
    app: &'a App,
    slug: &TenantSlug,
    meant_for: &MeantFor,
    by: &By<'a>,
) -> Result<(Change<'a>, Tenant), TenantError> {
    let found = tenants::find(&app.db, slug).await?.ok_or(TenantError::NoSuchTenant)?;
    let mut change = Change::begin_of_directory(app, found.id, by).await?;
    let held = tenants::hold(&mut *change, slug).await?.filter(|held| held.value.id == found.id);
    let held = held.ok_or(TenantError::NoSuchTenant)?;
    meant_for.check(held.version)?;
    Ok((change, held.value))
}
