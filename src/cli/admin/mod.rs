//! `latchkey admin`: tenants, users, clients, scopes, resources and signing keys, on the configured database, also
//! while a server runs.

mod campaigns;
mod clients;
mod confirmation;
mod done;
mod mac_keys;
mod policies;
mod registration_tokens;
mod reseal;
mod resources;
mod scopes;
mod signing_keys;
mod tenants;
mod tokens_not_before;
mod users;
mod verify_audit;
mod webhooks;

use std::io::Write;

use clap::{Args, Subcommand};

use super::outcome::Outcome;
use super::setup::{self, Hold, MissingPostgres};
use super::stop_signals::StopSignals;
use crate::app::App;
use crate::config::Config;
use crate::domain::activity;
use crate::model::tenant::TenantSlug;
use crate::store;
use done::{Done, Error};

const EXAMPLES: &str = "\
Examples:
  echo 'a long enough password' | latchkey admin create-user ada --role admin --password-stdin
  latchkey admin create-client --id tv --name 'Living room' --grant device_code --grant refresh_token \\
      --scope 'openid profile offline_access'
  latchkey admin create-client --id kiosk --confidential --grant device_code --scope openid --json
  latchkey admin create-client --id robot --auth-method private_key_jwt --jwks robot.jwks.json \\
      --grant device_code --scope openid
  latchkey admin create-scope videos --description 'See your videos' --translation de='Ihre Videos sehen'
  latchkey admin create-resource https://api.example.org/videos --name 'Your videos'
  latchkey admin create-tenant acme --name 'Acme Ltd'
  latchkey admin rotate-key --algorithm ES256
  latchkey admin create-client --tenant acme --id tv --grant device_code --scope openid
  latchkey admin verify-audit
  latchkey admin reset-second-factor --username ada
  latchkey admin tokens-not-before --every-tenant
  latchkey admin revoke-campaign --source 192.0.2.7 --dry-run";

/// Manage tenants, users, clients, scopes, resources and signing keys.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct AdminArgs {
    /// Tenant to manage [default: the default tenant].
    #[arg(long, global = true, value_name = "SLUG")]
    tenant: Option<String>,
    /// Print the result as a JSON object.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a user.
    CreateUser(users::CreateUser),
    /// Enable, lock or disable a user.
    SetUser(users::SetUser),
    /// Disconnect all of a user's devices and end all browser sessions.
    RevokeUser(users::ThatUser),
    /// Turn off two-step verification for a user who lost the second factor.
    ResetSecondFactor(users::NamedUser),
    /// Delete a user and all their data; the audit log is kept.
    DeleteUser(users::DeleteUser),
    /// Register a client; prints the secret of a confidential client once.
    CreateClient(clients::CreateClient),
    /// Enable or disable a client.
    SetClient(clients::SetClient),
    /// Replace a client's public keys.
    SetClientKeys(clients::SetClientKeys),
    /// Set the exceptions for a client's assertions.
    SetClientAllowances(clients::SetClientAllowances),
    /// Create a new client secret; the current one works until you retire it.
    RotateSecret(clients::OneClient),
    /// Retire a client's previous secret.
    RetireSecret(clients::OneClient),
    /// Delete a client with its codes, devices and tokens; the audit log is kept.
    DeleteClient(clients::DeleteClient),
    /// Create an initial access token for dynamic client registration (RFC 7591).
    CreateRegistrationToken(registration_tokens::CreateRegistrationToken),
    /// Add a scope to the catalog.
    CreateScope(scopes::CreateScope),
    /// Change a scope's description, translations or requirements.
    SetScope(scopes::SetScope),
    /// Register an API that tokens can be issued for (RFC 8707).
    CreateResource(resources::CreateResource),
    /// Create a tenant, served under /t/SLUG.
    CreateTenant(tenants::CreateTenant),
    /// List signing keys and their next planned change.
    ListKeys,
    /// Announce new signing keys; they sign after the announcement period.
    RotateKey(signing_keys::RotateKey),
    /// Remove a signing key immediately (emergency); its tokens become invalid.
    RemoveKey(signing_keys::RemoveKey),
    /// Replace the key that authenticates device tokens (emergency); every device must sign in again.
    RotateTokenKey(mac_keys::RotateTokenKey),
    /// Replace the key that authenticates the audit log; the old one still verifies older events.
    RotateAuditKey,
    /// Encrypt all stored secrets again with the first master key, so that others can be removed.
    Reseal,
    /// Enable or disable a tenant, or set its host name.
    SetTenant(tenants::SetTenant),
    /// Delete a disabled tenant and all its data; the audit log is kept.
    DeleteTenant(tenants::DeleteTenant),
    /// Override settings under [policy] for a tenant or a client
    SetPolicy(policies::SetPolicy),
    /// Show the policy of a tenant or a client, and where each setting comes from
    ShowPolicy(policies::ShowPolicy),
    /// Check that no audit event was changed, removed or inserted.
    VerifyAudit(verify_audit::VerifyAudit),
    /// Revoke everything from one source and freeze it, after a phishing campaign.
    RevokeCampaign(campaigns::RevokeCampaign),
    /// List frozen and suspicious sources.
    ListCampaigns(campaigns::ListCampaigns),
    /// Release a frozen source.
    ReleaseSource(campaigns::ReleaseSource),
    /// Create a webhook; prints its signing secret once.
    CreateWebhook(webhooks::CreateWebhook),
    /// List webhooks.
    ListWebhooks,
    /// Delete a webhook.
    DeleteWebhook(webhooks::DeleteWebhook),
    /// Invalidate everything issued before a given time, after restoring a backup.
    TokensNotBefore(tokens_not_before::TokensNotBefore),
}

impl Command {
    /// Asks the person for what the command needs from them, before anything is opened.
    fn ask(&mut self) -> Result<(), Error> {
        match self {
            Self::CreateUser(new) => new.read_password(),
            Self::DeleteUser(that) => {
                that.sure.ask(&format!("the user {} with all their devices", that.name))
            }
            Self::DeleteClient(that) => {
                that.sure.ask(&format!("the client {} with all its devices and tokens", that.id))
            }
            Self::DeleteTenant(that) => {
                that.sure.ask(&format!("the tenant {} with all its users, clients and devices", that.slug))
            }
            Self::RotateTokenKey(that) => that.sure.ask(mac_keys::WHAT_ENDS),
            Self::DeleteWebhook(that) => that.sure.ask(&format!("the webhook {}", that.id)),
            _ => Ok(()),
        }
    }
}

pub(super) async fn run(mut args: AdminArgs, config: Config) -> Outcome {
    args.command.ask()?;
    StopSignals::listen()?.or_stop(Box::pin(administer(args, config))).await
}

async fn administer(args: AdminArgs, config: Config) -> Outcome {
    let database = setup::open_database(&config, Hold::Shared, MissingPostgres::Refuse).await?;
    let embedded = database.cluster.is_some();
    let app = setup::build_app(config, &database).await?;
    if embedded {
        setup::prepare(&app).await?;
    } else {
        setup::require_current_schema(&app).await?;
    }
    let done = carry_out(&app, args.tenant.as_deref(), args.command).await;
    // Nobody writes down later what this process has counted.
    let counted = activity::write(&app).await;
    database.close().await?;
    let (sentence, document) = done?;
    let mut out = std::io::stdout();
    if args.json {
        writeln!(out, "{document}")?;
    } else {
        writeln!(out, "{sentence}")?;
    }
    counted.map_err(|error| {
        format!("the command succeeded, but its activity counts were not saved: {error}").into()
    })
}

async fn carry_out(app: &App, tenant: Option<&str>, command: Command) -> Done {
    let command = match command {
        Command::CreateTenant(new) => return tenants::create_tenant(app, new).await,
        Command::SetTenant(change) => return tenants::set_tenant(app, &change).await,
        Command::DeleteTenant(that) => return tenants::delete_tenant(app, &that).await,
        Command::TokensNotBefore(raise) => return tokens_not_before::raise(app, tenant, raise).await,
        Command::Reseal => return reseal::reseal(app).await,
        Command::VerifyAudit(asked) => return verify_audit::verify_audit(app, tenant, asked).await,
        of_tenant => of_tenant,
    };
    let slug = tenant.map_or_else(|| Ok(TenantSlug::root()), TenantSlug::parse)?;
    let found = store::tenants::find(&app.db, &slug).await?.ok_or("tenant not found")?;
    let tenant = found.id;
    match command {
        Command::CreateUser(new) => users::create_user(app, tenant, new).await,
        Command::SetUser(change) => users::set_user(app, tenant, &change).await,
        Command::RevokeUser(that) => users::revoke_user(app, tenant, &that).await,
        Command::ResetSecondFactor(that) => users::reset_second_factor(app, tenant, &that).await,
        Command::DeleteUser(that) => users::delete_user(app, tenant, &that).await,
        Command::CreateClient(new) => clients::create_client(app, tenant, new).await,
        Command::SetClient(change) => clients::set_client(app, tenant, &change).await,
        Command::SetClientKeys(change) => clients::set_client_keys(app, tenant, change).await,
        Command::SetClientAllowances(change) => clients::set_client_allowances(app, tenant, change).await,
        Command::RotateSecret(client) => clients::rotate_secret(app, tenant, &client).await,
        Command::RetireSecret(client) => clients::retire_secret(app, tenant, &client).await,
        Command::CreateRegistrationToken(new) => {
            registration_tokens::create_registration_token(app, tenant, &new).await
        }
        Command::CreateScope(new) => scopes::create_scope(app, tenant, new).await,
        Command::SetScope(change) => scopes::set_scope(app, tenant, change).await,
        Command::ListKeys => signing_keys::list_keys(app, tenant).await,
        Command::RotateKey(which) => signing_keys::rotate_key(app, tenant, &which).await,
        Command::RemoveKey(which) => signing_keys::remove_key(app, tenant, &which).await,
        Command::RotateTokenKey(_) => mac_keys::rotate_token_key(app, tenant).await,
        Command::RotateAuditKey => mac_keys::rotate_audit_key(app, tenant).await,
        Command::CreateResource(new) => resources::create_resource(app, &found, new).await,
        Command::CreateWebhook(new) => webhooks::create_webhook(app, tenant, new).await,
        Command::ListWebhooks => webhooks::list_webhooks(app, tenant).await,
        Command::DeleteWebhook(that) => webhooks::delete_webhook(app, tenant, &that).await,
        Command::SetPolicy(change) => policies::set_policy(app, &found, &change).await,
        Command::ShowPolicy(which) => policies::show_policy(app, &found, &which).await,
        Command::RevokeCampaign(which) => campaigns::revoke_campaign(app, tenant, &which).await,
        Command::ListCampaigns(which) => campaigns::list_campaigns(app, tenant, &which).await,
        Command::ReleaseSource(which) => campaigns::release_source(app, tenant, &which).await,
        Command::DeleteClient(that) => clients::delete_client(app, tenant, &that).await,
        Command::CreateTenant(_)
        | Command::SetTenant(_)
        | Command::DeleteTenant(_)
        | Command::Reseal
        | Command::VerifyAudit(_)
        | Command::TokensNotBefore(_) => unreachable!("handled above"),
    }
}
