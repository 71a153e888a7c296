//! The catalogue of scopes.

use clap::Args;
use serde_json::json;

use super::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::scopes;
use crate::model::ids::TenantId;
use crate::model::scope::{Scope, ScopeSet};
use crate::model::user::Role;

#[derive(Debug, Args)]
pub(super) struct CreateScope {
    /// The word in protocols.
    name: String,
    /// The words for people; the name when absent.
    #[arg(long)]
    description: Option<String>,
    /// The role a user needs to grant it.
    #[arg(long)]
    role: Option<Role>,
}

pub(super) async fn create_scope(app: &App, tenant: TenantId, new: CreateScope) -> Done {
    let name = ScopeSet::parse_name(&new.name)?;
    let description = new.description.unwrap_or_else(|| name.clone());
    let scope = Scope { name: name.clone(), description, required_role: new.role };
    scopes::create(app, tenant, scope, &By::OPERATOR).await?;
    Ok((format!("scope {name}"), json!({"name": name})))
}
