//! The services that tokens are for.

use clap::Args;
use serde_json::json;

use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::resources;
use crate::model::resource::Resource;
use crate::model::tenant::Tenant;

#[derive(Debug, Args)]
pub(super) struct CreateResource {
    /// Resource URI, used as `resource` and `aud`: absolute, without fragment.
    uri: String,
    /// Name shown to people [default: the URI].
    #[arg(long)]
    name: Option<String>,
}

pub(super) async fn create_resource(app: &App, tenant: &Tenant, new: CreateResource) -> Done {
    let uri = Resource::parse_uri(&new.uri)?;
    let name = new.name.unwrap_or_else(|| uri.clone());
    resources::create(app, tenant, Resource { uri: uri.clone(), name }, &By::OPERATOR).await?;
    Ok((format!("Created resource {uri}"), json!({"uri": uri})))
}
