//! Tenants.

use clap::Args;
use serde_json::json;

use super::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::tenants;
use crate::model::tenant::{TenantSlug, TenantStanding};
use crate::model::version::MeantFor;

#[derive(Debug, Args)]
pub(super) struct CreateTenant {
    /// Its name in URLs.
    slug: String,
    /// Its name for people; the slug when absent.
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SetTenant {
    /// The tenant.
    slug: String,
    /// What becomes of it.
    #[arg(value_parser = ["enabled", "disabled"])]
    standing: String,
}

#[derive(Debug, Args)]
pub(super) struct ThatTenant {
    /// The tenant.
    slug: String,
}

pub(super) async fn create_tenant(app: &App, new: CreateTenant) -> Done {
    let slug = TenantSlug::parse(&new.slug)?;
    let name = new.name.unwrap_or_else(|| new.slug.clone());
    let id = tenants::create(app, slug.clone(), &tenants::fit_name(&name)?, &By::OPERATOR).await?;
    let id = id.ok_or("there is a tenant of this slug already")?;
    let issuer = tenants::issuer(app, &slug);
    Ok((format!("tenant {} at {issuer}", new.slug), json!({"id": id, "slug": new.slug, "issuer": issuer})))
}

pub(super) async fn set_tenant(app: &App, change: &SetTenant) -> Done {
    let standing = match change.standing.as_str() {
        "enabled" => TenantStanding::Enabled,
        _ => TenantStanding::Suspended,
    };
    tenants::set_standing(app, &TenantSlug::parse(&change.slug)?, standing).await?;
    let document = json!({"slug": change.slug, "standing": change.standing});
    Ok((format!("tenant {} is {}", change.slug, change.standing), document))
}

pub(super) async fn delete_tenant(app: &App, that: &ThatTenant) -> Done {
    tenants::delete(app, &TenantSlug::parse(&that.slug)?, &MeantFor::Any, &By::OPERATOR).await?;
    Ok((format!("tenant {} is erased", that.slug), json!({"slug": that.slug})))
}
