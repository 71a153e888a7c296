//! Policies of tenants and clients.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Map, Value, json};

use super::done::{Done, Error};
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::policies::{self, Edit};
use crate::model::client::Client;
use crate::model::ids::TenantId;
use crate::model::policy::PolicyChanges;
use crate::model::policy::members::{Member, differences};
use crate::model::strict_json;
use crate::model::tenant::Tenant;
use crate::model::version::MeantFor;
use crate::store::clients;

#[derive(Debug, Args)]
pub(super) struct SetPolicy {
    /// Overrides, as JSON in the form of [policy] in config/default.toml
    ///
    /// They are merged into existing overrides; null removes one.
    #[arg(value_name = "JSON")]
    changes: String,
    /// Remove existing overrides first; '{}' then removes all of them
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, Args)]
pub(super) struct ShowPolicy {
    #[command(flatten)]
    whose: Whose,
}

#[derive(Debug, Args)]
struct Whose {
    /// Client to manage [default: the whole tenant]
    #[arg(long, value_name = "ID")]
    client: Option<String>,
}

impl Whose {
    async fn find(&self, app: &App, tenant: TenantId) -> Result<Option<Client>, Error> {
        let Some(id) = &self.client else { return Ok(None) };
        let found = clients::find(&app.db, tenant, id).await?;
        found.map(Some).ok_or_else(|| format!("client {id} not found").into())
    }
}

fn name(client: Option<&Client>) -> String {
    client.map_or_else(|| "the tenant".to_owned(), |client| format!("client {}", client.client_id))
}

pub(super) async fn set_policy(app: &App, tenant: &Tenant, change: &SetPolicy) -> Done {
    let changes = strict_json::object(change.changes.as_bytes()).map_err(|error| {
        format!(
            "the policy must be a JSON object, such as '{{\"trust\": {{\"allowed\": \"never\"}}}}': {error}"
        )
    })?;
    let changes = PolicyChanges(changes);
    let edit = if change.replace { Edit::Replace(changes) } else { Edit::Merge(changes) };
    let client = change.whose.find(app, tenant.id).await?;
    let outcome = match &client {
        Some(client) => {
            policies::edit_for_client(app, tenant, client, edit, &MeantFor::Any, &By::OPERATOR).await?
        }
        None => policies::edit_for_tenant(app, tenant, edit, &MeantFor::Any, &By::OPERATOR).await?,
    };
    let whose = name(client.as_ref());
    let mut sentence = format!("Changed the policy of {whose}");
    let mut members = Map::new();
    for difference in differences(&outcome.before, &outcome.after)? {
        let (name, before, after) = (difference.name, difference.before, difference.after);
        let _ = write!(sentence, "\n  {name}: {before} -> {after}");
        members.insert(name, json!({"before": before, "after": after}));
    }
    if members.is_empty() {
        sentence = format!("The policy of {whose} is unchanged");
    }
    let policy: Value = serde_json::to_value(outcome.after)?;
    Ok((sentence, json!({"policy": policy, "changed": members})))
}

pub(super) async fn show_policy(app: &App, tenant: &Tenant, which: &ShowPolicy) -> Done {
    let client = which.whose.find(app, tenant.id).await?;
    let members = policies::list(app, tenant, client.as_ref())?;
    let longest = members.iter().map(|member| member.name.len()).max().unwrap_or_default();
    let line = |member: &Member| {
        let Member { name, value, origin } = member;
        format!("{:8}  {name:longest$}  {value}", origin.as_str())
    };
    let title = format!("{:8}  policy of {}", "set by", name(client.as_ref()));
    let lines: Vec<String> = [title].into_iter().chain(members.iter().map(line)).collect();
    let document: Map<String, Value> = members
        .into_iter()
        .map(|member| (member.name, json!({"value": member.value, "set_by": member.origin.as_str()})))
        .collect();
    Ok((lines.join("\n"), json!({"members": document})))
}
