//! Tenants.

use clap::Args;
use serde_json::json;

use super::confirmation::Confirmation;
use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::tenants::{self, TenantChange};
use crate::model::patch::Patch;
use crate::model::tenant::{TenantSlug, TenantStanding};
use crate::model::tenant_host::TenantHost;
use crate::model::version::MeantFor;

#[derive(Debug, Args)]
pub(super) struct CreateTenant {
    /// Slug used in URLs.
    slug: String,
    /// Display name [default: the slug].
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SetTenant {
    /// Tenant slug.
    slug: String,
    /// New status.
    #[arg(value_parser = ["enabled", "disabled"], required_unless_present_any = ["host", "no_host"])]
    standing: Option<String>,
    /// Serve the tenant at <https://HOST>, which becomes its issuer.
    #[arg(long, conflicts_with = "no_host")]
    host: Option<String>,
    /// Remove the host name; the tenant is served under /t/SLUG again.
    #[arg(long)]
    no_host: bool,
}

#[derive(Debug, Args)]
pub(super) struct DeleteTenant {
    /// Tenant slug.
    pub(super) slug: String,
    #[command(flatten)]
    pub(super) sure: Confirmation,
}

pub(super) async fn create_tenant(app: &App, new: CreateTenant) -> Done {
    let slug = TenantSlug::parse(&new.slug)?;
    let name = new.name.unwrap_or_else(|| new.slug.clone());
    let id = tenants::create(app, slug.clone(), &tenants::fit_name(&name)?, &By::OPERATOR).await?;
    let id = id.ok_or("a tenant with this slug already exists")?;
    let issuer = tenants::address(app, &slug, None);
    Ok((
        format!("Created tenant {} at {issuer}", new.slug),
        json!({"id": id, "slug": new.slug, "issuer": issuer}),
    ))
}

pub(super) async fn set_tenant(app: &App, change: &SetTenant) -> Done {
    let standing = change.standing.as_deref().map(|standing| match standing {
        "enabled" => TenantStanding::Enabled,
        _ => TenantStanding::Suspended,
    });
    let host = match &change.host {
        Some(host) => Patch::Set(TenantHost::parse(host)?),
        None if change.no_host => Patch::Clear,
        None => Patch::Keep,
    };
    let slug = TenantSlug::parse(&change.slug)?;
    let asked = TenantChange { host, standing, ..TenantChange::default() };
    let tenant = tenants::change(app, &slug, asked, &MeantFor::Any, &By::OPERATOR).await?;
    let standing = if tenant.enabled { "enabled" } else { "disabled" };
    let issuer = tenants::issuer(app, &tenant);
    let document = json!({"slug": change.slug, "standing": standing, "issuer": issuer});
    Ok((format!("Tenant {} at {issuer} is now {standing}", change.slug), document))
}

pub(super) async fn delete_tenant(app: &App, that: &DeleteTenant) -> Done {
    tenants::delete(app, &TenantSlug::parse(&that.slug)?, &MeantFor::Any, &By::OPERATOR).await?;
    Ok((format!("Deleted tenant {}", that.slug), json!({"slug": that.slug})))
}
