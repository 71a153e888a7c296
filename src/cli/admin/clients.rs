//! Clients.

use clap::Args;
use serde_json::json;

use super::Done;
use crate::app::App;
use crate::domain::clients;
use crate::model::client::{AuthMethod, Client, GrantType, ScopePolicy};
use crate::model::ids::{ClientId, TenantId};
use crate::model::scope::ScopeSet;
use crate::model::signing_key::SigningAlgorithm;
use crate::store;

#[derive(Debug, Args)]
pub(super) struct CreateClient {
    /// The client's identifier.
    #[arg(long)]
    id: String,
    /// The name people see; the identifier when absent.
    #[arg(long)]
    name: Option<String>,
    /// The client can keep a secret, and gets one.
    #[arg(long)]
    confidential: bool,
    /// How a confidential client shows its secret.
    #[arg(long, value_name = "METHOD", default_value = "client_secret_basic", requires = "confidential",
          value_parser = ["client_secret_basic", "client_secret_post"])]
    auth_method: String,
    /// The client is your own.
    #[arg(long)]
    first_party: bool,
    /// The client receives all scopes that the approving user may grant.
    #[arg(long, requires = "first_party")]
    inherit: bool,
    /// What it may ask for tokens with: `device_code`, `refresh_token`; may be repeated. None unless given.
    #[arg(long, value_name = "GRANT", value_parser = parse_grant)]
    grant: Vec<GrantType>,
    /// Scopes it may have, separated by spaces; may be repeated.
    #[arg(long, value_name = "SCOPES")]
    scope: Vec<String>,
    /// The client is the resource server with this `aud` value, and may introspect tokens for it; may be repeated.
    #[arg(long, value_name = "AUD", requires = "confidential")]
    introspects: Vec<String>,
    /// What signs its tokens: ES256 or RS256; the server's default when absent.
    #[arg(long, value_name = "ALG", value_parser = parse_algorithm)]
    signing_algorithm: Option<SigningAlgorithm>,
}

#[derive(Debug, Args)]
pub(super) struct SetClient {
    /// The client.
    id: String,
    /// What becomes of it.
    #[arg(value_parser = ["enabled", "disabled"])]
    standing: String,
}

#[derive(Debug, Args)]
pub(super) struct ThatClient {
    /// The client.
    id: String,
}

fn parse_grant(text: &str) -> Result<GrantType, String> {
    match text {
        "device_code" => Ok(GrantType::DeviceCode),
        _ => GrantType::parse(text).ok_or_else(|| "a grant is device_code or refresh_token".to_owned()),
    }
}

fn parse_algorithm(text: &str) -> Result<SigningAlgorithm, String> {
    SigningAlgorithm::parse(text).ok_or_else(|| "an algorithm is ES256 or RS256".to_owned())
}

pub(super) async fn create_client(app: &App, tenant: TenantId, new: CreateClient) -> Done {
    let client_id = ClientId::parse(&new.id)?;
    let scopes = ScopeSet::parse(&new.scope.join(" "))?;
    let known: ScopeSet =
        store::scopes::all(&app.db, tenant).await?.into_iter().map(|scope| scope.name).collect();
    if let Some(unknown) = scopes.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "there is no scope {unknown}; make it with: latchkey admin create-scope {unknown}"
        )
        .into());
    }
    let client = Client {
        name: new.name.unwrap_or_else(|| new.id.clone()),
        auth_method: if new.confidential {
            AuthMethod::parse(&new.auth_method).ok_or("unknown authentication method")?
        } else {
            AuthMethod::None
        },
        grant_types: new.grant,
        scopes,
        scope_policy: if new.inherit { ScopePolicy::Inherit } else { ScopePolicy::Explicit },
        first_party: new.first_party,
        signing_algorithm: new.signing_algorithm,
        introspects: new.introspects,
        ..Client::public(tenant, client_id)
    };
    let secret = clients::create(app, client).await?;
    Ok(match secret {
        Some(secret) => (
            format!("client {}\nsecret {} (shown this once)", new.id, secret.expose()),
            json!({"client_id": new.id, "client_secret": secret.expose()}),
        ),
        None => (format!("client {}", new.id), json!({"client_id": new.id})),
    })
}

pub(super) async fn set_client(app: &App, tenant: TenantId, change: &SetClient) -> Done {
    let client = store::clients::find(&app.db, tenant, &change.id).await?.ok_or("there is no such client")?;
    let enabled = change.standing == "enabled";
    clients::change(app, &client, |client| client.enabled = enabled).await?;
    let document = json!({"client_id": change.id, "enabled": enabled});
    Ok((format!("client {} is {}", change.id, change.standing), document))
}

pub(super) async fn delete_client(app: &App, tenant: TenantId, that: &ThatClient) -> Done {
    let client = store::clients::find(&app.db, tenant, &that.id).await?.ok_or("there is no such client")?;
    clients::delete(app, &client).await?;
    Ok((format!("client {} is deleted", that.id), json!({"client_id": that.id})))
}
