//! Tenants.

use clap::Args;
use serde_json::json;

use super::Done;
use crate::app::App;
use crate::domain::tenants;
use crate::model::tenant::TenantSlug;

#[derive(Debug, Args)]
pub(super) struct CreateTenant {
    /// Its name in URLs.
    slug: String,
    /// Its name for people; the slug when absent.
    #[arg(long)]
    name: Option<String>,
}

pub(super) async fn create_tenant(app: &App, new: CreateTenant) -> Done {
    let slug = TenantSlug::parse(&new.slug)?;
    let name = new.name.unwrap_or_else(|| new.slug.clone());
    let id =
        tenants::create(app, slug.clone(), &name).await?.ok_or("there is a tenant of this slug already")?;
    let issuer = tenants::issuer(app, &slug);
    Ok((format!("tenant {} at {issuer}", new.slug), json!({"id": id, "slug": new.slug, "issuer": issuer})))
}
