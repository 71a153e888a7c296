//! `latchkey admin`: tenants, users, clients and scopes, on the configured database, also while a server runs.

use std::io::{BufRead, Write};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Outcome;
use super::setup::{self, Hold, MissingPostgres};
use crate::app::App;
use crate::config::Config;
use crate::domain::users::NewUser;
use crate::domain::{clients, scopes, tenants, users};
use crate::model::client::{AuthMethod, Client, GrantType, ScopePolicy};
use crate::model::ids::{ClientId, TenantId};
use crate::model::scope::{Scope, ScopeSet};
use crate::model::signing_key::SigningAlgorithm;
use crate::model::tenant::TenantSlug;
use crate::model::user::{Role, Standing};
use crate::store;

type Error = Box<dyn std::error::Error + Send + Sync>;

const EXAMPLES: &str = "\
Examples:
  echo 'a long enough password' | latchkey admin create-user ada --role admin --password-stdin
  latchkey admin create-client --id tv --name 'Living room' --grant device_code --grant refresh_token \\
      --scope 'openid profile offline_access'
  latchkey admin create-client --id kiosk --confidential --grant device_code --scope openid --json
  latchkey admin create-scope videos --description 'See your videos'
  latchkey admin create-tenant acme --name 'Acme Ltd'
  latchkey admin create-client --tenant acme --id tv --grant device_code --scope openid";

/// Make and change tenants, users, clients and scopes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct AdminArgs {
    /// The tenant to work on; the default tenant when absent.
    #[arg(long, global = true, value_name = "SLUG")]
    tenant: Option<String>,
    /// Print the result as one JSON object.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an account for a person.
    CreateUser(CreateUser),
    /// Disable, lock or release an account.
    SetUser(SetUser),
    /// Register a client; a confidential one's secret is printed this once.
    CreateClient(CreateClient),
    /// Enable or disable a client.
    SetClient(SetClient),
    /// Add a scope to the catalogue.
    CreateScope(CreateScope),
    /// Make a tenant; it lives under /t/SLUG.
    CreateTenant(CreateTenant),
}

#[derive(Debug, Args)]
struct CreateUser {
    /// What the person types to sign in.
    name: String,
    /// What the person may do; may be repeated. `admin` administers.
    #[arg(long, value_name = "ROLE")]
    role: Vec<Role>,
    /// The name people know them by.
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// An e-mail address that is known to be theirs.
    #[arg(long)]
    email: Option<String>,
    /// Read the password from the first line of standard input.
    #[arg(long, required = true)]
    password_stdin: bool,
}

#[derive(Debug, Args)]
struct SetUser {
    /// The account.
    name: String,
    /// What becomes of it.
    #[arg(value_parser = ["enabled", "disabled", "locked"])]
    standing: String,
}

#[derive(Debug, Args)]
struct CreateClient {
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
    /// What signs its tokens: ES256 or RS256; the server's default when absent.
    #[arg(long, value_name = "ALG", value_parser = parse_algorithm)]
    signing_algorithm: Option<SigningAlgorithm>,
}

#[derive(Debug, Args)]
struct SetClient {
    /// The client.
    id: String,
    /// What becomes of it.
    #[arg(value_parser = ["enabled", "disabled"])]
    standing: String,
}

#[derive(Debug, Args)]
struct CreateScope {
    /// The word in protocols.
    name: String,
    /// The words for people; the name when absent.
    #[arg(long)]
    description: Option<String>,
    /// The role a user needs to grant it.
    #[arg(long)]
    role: Option<Role>,
}

#[derive(Debug, Args)]
struct CreateTenant {
    /// Its name in URLs.
    slug: String,
    /// Its name for people; the slug when absent.
    #[arg(long)]
    name: Option<String>,
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

pub(super) async fn run(args: AdminArgs, config: Config) -> Outcome {
    let database = setup::open_database(&config, Hold::Shared, MissingPostgres::Refuse).await?;
    let embedded = database.cluster.is_some();
    let app = setup::build_app(config, &database)?;
    if embedded {
        setup::prepare(&app).await?;
    }
    let done = carry_out(&app, args.tenant.as_deref(), args.command).await;
    database.close().await?;
    let (sentence, document) = done?;
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{document}")?;
    } else {
        writeln!(out, "{sentence}")?;
    }
    Ok(())
}

/// Does it; what was done in words and as JSON.
async fn carry_out(app: &App, tenant: Option<&str>, command: Command) -> Result<(String, Value), Error> {
    if let Command::CreateTenant(new) = command {
        return create_tenant(app, new).await;
    }
    let slug = tenant.map_or_else(|| Ok(TenantSlug::root()), TenantSlug::parse)?;
    let tenant = store::tenants::find(&app.db, &slug).await?.ok_or("there is no such tenant")?.id;
    match command {
        Command::CreateUser(new) => create_user(app, tenant, new).await,
        Command::SetUser(change) => set_user(app, tenant, &change).await,
        Command::CreateClient(new) => create_client(app, tenant, new).await,
        Command::SetClient(change) => set_client(app, tenant, &change).await,
        Command::CreateScope(new) => create_scope(app, tenant, new).await,
        Command::CreateTenant(_) => unreachable!("handled above"),
    }
}

async fn create_tenant(app: &App, new: CreateTenant) -> Result<(String, Value), Error> {
    let slug = TenantSlug::parse(&new.slug)?;
    let name = new.name.unwrap_or_else(|| new.slug.clone());
    let id =
        tenants::create(app, slug.clone(), &name).await?.ok_or("there is a tenant of this slug already")?;
    let issuer = tenants::issuer(app, &slug);
    Ok((format!("tenant {} at {issuer}", new.slug), json!({"id": id, "slug": new.slug, "issuer": issuer})))
}

async fn create_user(app: &App, tenant: TenantId, new: CreateUser) -> Result<(String, Value), Error> {
    let mut line = Zeroizing::new(String::new());
    std::io::stdin().lock().read_line(&mut line)?;
    let username = new.name.clone();
    let user =
        NewUser { username: new.name, display_name: new.display_name, email: new.email, roles: new.role };
    let id = users::create(app, tenant, user, line.trim_end_matches(['\r', '\n'])).await?;
    Ok((format!("user {username} ({id})"), json!({"id": id, "username": username})))
}

async fn set_user(app: &App, tenant: TenantId, change: &SetUser) -> Result<(String, Value), Error> {
    let standing = match change.standing.as_str() {
        "enabled" => Standing::Good,
        "locked" => Standing::Locked,
        _ => Standing::Disabled,
    };
    users::set_standing(app, tenant, &change.name, standing).await?;
    let document = json!({"username": change.name, "standing": change.standing});
    Ok((format!("user {} is {}", change.name, change.standing), document))
}

async fn create_client(app: &App, tenant: TenantId, new: CreateClient) -> Result<(String, Value), Error> {
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
        tenant_id: tenant,
        client_id,
        name: new.name.unwrap_or_else(|| new.id.clone()),
        auth_method: if new.confidential {
            AuthMethod::parse(&new.auth_method).ok_or("unknown authentication method")?
        } else {
            AuthMethod::None
        },
        secret_hash: None,
        grant_types: new.grant,
        scopes,
        scope_policy: if new.inherit { ScopePolicy::Inherit } else { ScopePolicy::Explicit },
        first_party: new.first_party,
        owner: None,
        enabled: true,
        signing_algorithm: new.signing_algorithm,
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

async fn set_client(app: &App, tenant: TenantId, change: &SetClient) -> Result<(String, Value), Error> {
    let client = store::clients::find(&app.db, tenant, &change.id).await?.ok_or("there is no such client")?;
    let enabled = change.standing == "enabled";
    clients::change(app, &client, |client| client.enabled = enabled).await?;
    let document = json!({"client_id": change.id, "enabled": enabled});
    Ok((format!("client {} is {}", change.id, change.standing), document))
}

async fn create_scope(app: &App, tenant: TenantId, new: CreateScope) -> Result<(String, Value), Error> {
    let name = ScopeSet::parse_name(&new.name)?;
    let description = new.description.unwrap_or_else(|| name.clone());
    let scope = Scope { name: name.clone(), description, required_role: new.role };
    if !scopes::create(app, tenant, &scope).await? {
        return Err("there is a scope of this name already".into());
    }
    Ok((format!("scope {name}"), json!({"name": name})))
}
