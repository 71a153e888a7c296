//! Where tenants are.

use crate::app::App;
use crate::model::tenant::{Tenant, TenantSlug};
use crate::model::tenant_host::TenantHost;

/// The tenant's issuer identifier (RFC 8414 §2). It is one and the same whichever way the tenant was asked: with a
/// host of its own that host's origin, else its path at the server's.
#[must_use]
pub fn issuer(app: &App, tenant: &Tenant) -> String {
    address(app, &tenant.slug, tenant.host.as_ref())
}

/// What all URLs start with that are given out for a tenant.
#[must_use]
pub fn address(app: &App, slug: &TenantSlug, host: Option<&TenantHost>) -> String {
    match host {
        Some(host) => app.config.origin_at(host.as_str()),
        None => app.config.public_origin() + &slug.path_prefix(),
    }
}

/// Returns `true` for the host of the server itself.
pub(super) fn is_servers(app: &App, host: &TenantHost) -> bool {
    app.config.server.public_url.as_ref().and_then(|url| url.host_str()) == Some(host.as_str())
}
