//! Policies of tenants and clients.

use clap::Args;
use serde_json::{Value, json};

use super::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::policies;
use crate::model::policy::PolicyChanges;
use crate::model::strict_json;
use crate::model::tenant::Tenant;
use crate::model::version::MeantFor;
use crate::store::clients;

#[derive(Debug, Args)]
pub(super) struct SetPolicy {
    /// What is otherwise than in the settings, as a JSON object of the form of [policy] in config/default.toml;
    /// it replaces what was said before. {} goes back to the settings.
    changes: String,
    /// The client it is for; the whole tenant when absent.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
}

pub(super) async fn set_policy(app: &App, tenant: &Tenant, change: &SetPolicy) -> Done {
    let changes = PolicyChanges(strict_json::object(change.changes.as_bytes())?);
    let (whose, policy) = if let Some(id) = &change.client {
        let client = clients::find(&app.db, tenant.id, id).await?.ok_or("there is no such client")?;
        let policy =
            policies::change_for_client(app, tenant, &client, changes, &MeantFor::Any, &By::OPERATOR).await?;
        (format!("client {id}"), policy)
    } else {
        let policy = policies::change_for_tenant(app, tenant, changes, &MeantFor::Any, &By::OPERATOR).await?;
        ("the tenant".to_owned(), policy)
    };
    let policy: Value = serde_json::to_value(policy)?;
    Ok((format!("the policy of {whose} is now\n{policy:#}"), json!({"policy": policy})))
}
