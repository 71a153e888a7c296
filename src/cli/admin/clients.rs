//! Clients.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use url::Url;

use super::confirmation::Confirmation;
use super::done::Done;
use crate::app::App;
use crate::domain::audit::By;
use crate::domain::clients::{self, secrets};
use crate::model::bearer_secret::BearerSecret;
use crate::model::client::{AuthMethod, Client, ClientKeys, GrantType, ScopePolicy};
use crate::model::client_authentication::AssertionAllowance;
use crate::model::ids::{ClientId, TenantId};
use crate::model::scope::ScopeSet;
use crate::model::signing_key::SigningAlgorithm;
use crate::model::strict_json;
use crate::model::version::MeantFor;
use crate::store;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct CreateClient {
    /// Client ID.
    #[arg(long)]
    id: String,
    /// Name shown to people [default: the client ID].
    #[arg(long)]
    name: Option<String>,
    /// Create a confidential client, with a secret.
    #[arg(long)]
    confidential: bool,
    /// Client authentication [default with --confidential: `client_secret_basic`]; `private_key_jwt` needs
    /// keys.
    #[arg(long, value_name = "METHOD",
          value_parser = ["client_secret_basic", "client_secret_post", "private_key_jwt"])]
    auth_method: Option<String>,
    #[command(flatten)]
    keys: Keys,
    /// Mark the client as first-party.
    #[arg(long)]
    first_party: bool,
    /// Allow every scope that the approving user may grant.
    #[arg(long, requires = "first_party")]
    inherit: bool,
    /// Grant type to allow: `device_code`, `refresh_token` or `client_credentials`; can be repeated; required
    /// unless `--introspects` is given
    #[arg(long, value_name = "GRANT", value_parser = parse_grant)]
    grant: Vec<GrantType>,
    /// Scopes to allow, separated by spaces; can be repeated.
    #[arg(long, value_name = "SCOPES")]
    scope: Vec<String>,
    /// Algorithm of its access tokens, and of its ID tokens by default: ES256, RS256 or `EdDSA`
    #[arg(long, value_name = "ALG", value_parser = parse_algorithm)]
    signing_algorithm: Option<SigningAlgorithm>,
    /// Algorithm of its ID tokens [default: RS256]; ES256 is recommended if the client supports it
    #[arg(long, value_name = "ALG", value_parser = parse_algorithm)]
    id_token_signing_algorithm: Option<SigningAlgorithm>,
    /// Exception for its client assertions: `token_endpoint_audience`, `repeated_assertion`; can be repeated
    #[arg(long, value_name = "NAME", value_parser = parse_allowance)]
    allow: Vec<AssertionAllowance>,
    /// Require DPoP for all its access tokens (RFC 9449).
    #[arg(long)]
    dpop_bound: bool,
    /// Every installation has its own credentials, so a refresh whose response was lost can be repeated at
    /// any time
    #[arg(long)]
    credentials_per_installation: bool,
    /// Let the client introspect tokens with this `aud`; can be repeated.
    #[arg(long, value_name = "AUD")]
    introspects: Vec<String>,
}

/// The public keys of a client (RFC 7591 §2).
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Keys {
    /// File with the client's public keys (JWK Set).
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// https URL where the client publishes its public keys.
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<Url>,
}

impl Keys {
    fn read(self) -> Result<Option<ClientKeys>, super::Error> {
        let Some(path) = self.jwks else { return Ok(self.jwks_uri.map(ClientKeys::Published)) };
        let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let set = strict_json::object(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Some(ClientKeys::Registered(Value::Object(set).into())))
    }
}

/// One client, by its ID.
#[derive(Debug, Args)]
pub(super) struct OneClient {
    /// Client ID.
    id: String,
}

#[derive(Debug, Args)]
pub(super) struct SetClientKeys {
    /// Client ID.
    id: String,
    #[command(flatten)]
    keys: Keys,
}

#[derive(Debug, Args)]
pub(super) struct SetClientAllowances {
    /// Client ID.
    id: String,
    /// `token_endpoint_audience` or `repeated_assertion`; can be repeated; exceptions not named are removed.
    #[arg(long, value_name = "NAME", value_parser = parse_allowance)]
    allow: Vec<AssertionAllowance>,
}

#[derive(Debug, Args)]
pub(super) struct SetClient {
    /// Client ID.
    id: String,
    /// New status.
    #[arg(value_parser = ["enabled", "disabled"])]
    standing: String,
}

#[derive(Debug, Args)]
pub(super) struct DeleteClient {
    /// Client ID.
    pub(super) id: String,
    #[command(flatten)]
    pub(super) sure: Confirmation,
}

fn parse_grant(text: &str) -> Result<GrantType, String> {
    match text {
        "device_code" => Ok(GrantType::DeviceCode),
        _ => GrantType::parse(text)
            .ok_or_else(|| "must be device_code, refresh_token or client_credentials".to_owned()),
    }
}

fn parse_allowance(text: &str) -> Result<AssertionAllowance, String> {
    AssertionAllowance::parse(text)
        .ok_or_else(|| "must be token_endpoint_audience or repeated_assertion".to_owned())
}

pub(super) fn parse_algorithm(text: &str) -> Result<SigningAlgorithm, String> {
    SigningAlgorithm::parse(text).ok_or_else(|| "must be ES256, RS256 or EdDSA".to_owned())
}

pub(super) async fn create_client(app: &App, tenant: TenantId, new: CreateClient) -> Done {
    if new.grant.is_empty() && new.introspects.is_empty() {
        return Err("a client without a grant type gets no tokens: add --grant device_code for a device \
            (and --grant refresh_token to stay connected), --grant client_credentials for a program that \
            acts for itself, or --introspects URI for a resource server"
            .into());
    }
    let client_id = ClientId::parse(&new.id)?;
    let scopes = ScopeSet::parse(&new.scope.join(" "))?;
    let client = Client {
        name: new.name.unwrap_or_else(|| new.id.clone()),
        auth_method: match new.auth_method {
            Some(method) => AuthMethod::parse(&method).ok_or("unknown authentication method")?,
            None if new.confidential => AuthMethod::ClientSecretBasic,
            None => AuthMethod::None,
        },
        keys: new.keys.read()?,
        grant_types: new.grant,
        scopes,
        scope_policy: if new.inherit { ScopePolicy::Inherit } else { ScopePolicy::Explicit },
        first_party: new.first_party,
        signing_algorithm: new.signing_algorithm,
        id_token_algorithm: new.id_token_signing_algorithm,
        assertion_allowances: new.allow,
        dpop_bound_access_tokens: new.dpop_bound,
        credentials_per_installation: new.credentials_per_installation,
        introspects: new.introspects,
        ..Client::public(tenant, client_id)
    };
    let secret = clients::create(app, client, &By::OPERATOR).await.map_err(|error| match error {
        clients::ClientError::UnknownScope(name) => {
            format!("scope {name} not found; create it with: latchkey admin create-scope {name}").into()
        }
        other => super::Error::from(other),
    })?;
    Ok(match secret {
        Some(secret) => with_secret(&new.id, &secret),
        None => (format!("Created client {}", new.id), json!({"client_id": new.id})),
    })
}

fn with_secret(id: &str, secret: &BearerSecret) -> (String, Value) {
    (
        format!("Client {id}\nSecret {} (shown only once)", secret.expose()),
        json!({"client_id": id, "client_secret": secret.expose()}),
    )
}

async fn find(app: &App, tenant: TenantId, id: &str) -> Result<Client, super::Error> {
    Ok(store::clients::find(&app.db, tenant, id).await?.ok_or("client not found")?)
}

pub(super) async fn set_client(app: &App, tenant: TenantId, change: &SetClient) -> Done {
    let client = find(app, tenant, &change.id).await?;
    let enabled = change.standing == "enabled";
    clients::change(app, &client, &MeantFor::Any, &By::OPERATOR, |client| client.enabled = enabled).await?;
    let document = json!({"client_id": change.id, "enabled": enabled});
    Ok((format!("Client {} is now {}", change.id, change.standing), document))
}

pub(super) async fn set_client_keys(app: &App, tenant: TenantId, change: SetClientKeys) -> Done {
    let client = find(app, tenant, &change.id).await?;
    let keys = change.keys.read()?;
    clients::change(app, &client, &MeantFor::Any, &By::OPERATOR, |client| client.keys = keys).await?;
    Ok((format!("Replaced the keys of client {}", change.id), json!({"client_id": change.id})))
}

pub(super) async fn set_client_allowances(app: &App, tenant: TenantId, change: SetClientAllowances) -> Done {
    let client = find(app, tenant, &change.id).await?;
    let names: Vec<_> = change.allow.iter().map(|allowance| allowance.as_str()).collect();
    let document = json!({"client_id": change.id, "assertion_allowances": names});
    let said = if names.is_empty() { "none".to_owned() } else { names.join(" ") };
    let allow = |client: &mut Client| client.assertion_allowances = change.allow;
    clients::change(app, &client, &MeantFor::Any, &By::OPERATOR, allow).await?;
    Ok((format!("Changed the allowances of client {}: {said}", client.client_id), document))
}

pub(super) async fn rotate_secret(app: &App, tenant: TenantId, client: &OneClient) -> Done {
    let secret =
        secrets::rotate_secret(app, &find(app, tenant, &client.id).await?, &MeantFor::Any, &By::OPERATOR)
            .await?;
    Ok(with_secret(&client.id, &secret))
}

pub(super) async fn retire_secret(app: &App, tenant: TenantId, client: &OneClient) -> Done {
    secrets::retire_previous_secret(
        app,
        &find(app, tenant, &client.id).await?,
        &MeantFor::Any,
        &By::OPERATOR,
    )
    .await?;
    let sentence = format!("Retired the previous secret of client {}", client.id);
    Ok((sentence, json!({"client_id": client.id})))
}

pub(super) async fn delete_client(app: &App, tenant: TenantId, that: &DeleteClient) -> Done {
    let client = store::clients::find(&app.db, tenant, &that.id).await?.ok_or("client not found")?;
    clients::delete(app, &client, &MeantFor::Any, &By::OPERATOR).await?;
    Ok((format!("Deleted client {}", that.id), json!({"client_id": that.id})))
}
