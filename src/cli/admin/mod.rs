//! `latchkey admin`: tenants, users, clients, scopes, resources and signing keys, on the configured database, also
//! while a server runs.

mod campaigns;
mod clients;
mod confirmation;
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
use serde_json::Value;

use super::Outcome;
use super::setup::{self, Hold, MissingPostgres};
use super::stop_signals::StopSignals;
use crate::app::App;
use crate::config::Config;
use crate::domain::activity;
use crate::model::tenant::TenantSlug;
use crate::store;

type Error = Box<dyn std::error::Error + Send + Sync>;
/// What was done, in words and as JSON.
type Done = Result<(String, Value), Error>;

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

/// Make and change tenants, users, clients, scopes, resources and signing keys.
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
    CreateUser(users::CreateUser),
    /// Disable, lock or release an account.
    SetUser(users::SetUser),
    /// End all of a person's devices and browser sessions; the account stays.
    RevokeUser(users::ThatUser),
    /// Remove the second factor of somebody who has lost it; their next sign-in takes the password alone.
    ResetSecondFactor(users::NamedUser),
    /// Delete an account with everything that is its own; the audit trail stays.
    DeleteUser(users::DeleteUser),
    /// Register a client; a confidential one's secret is printed this once.
    CreateClient(clients::CreateClient),
    /// Enable or disable a client.
    SetClient(clients::SetClient),
    /// Put other public keys in place of a client's.
    SetClientKeys(clients::SetClientKeys),
    /// Set in what a client's assertions may deviate from the rules.
    SetClientAllowances(clients::SetClientAllowances),
    /// Give a client a new secret; the present one stays good beside it until it is retired.
    RotateSecret(clients::OneClient),
    /// End the life of the secret that a client had before its present one.
    RetireSecret(clients::OneClient),
    /// Delete a client with its codes, devices and tokens; the audit trail stays.
    DeleteClient(clients::DeleteClient),
    /// Make a token that lets clients register themselves (RFC 7591), where [registration] is on.
    CreateRegistrationToken(registration_tokens::CreateRegistrationToken),
    /// Add a scope to the catalogue.
    CreateScope(scopes::CreateScope),
    /// Change the words of a scope.
    SetScope(scopes::SetScope),
    /// Make a service known that tokens can be for (RFC 8707).
    CreateResource(resources::CreateResource),
    /// Make a tenant; it lives under /t/SLUG.
    CreateTenant(tenants::CreateTenant),
    /// List the keys that sign tokens, and what becomes of them next.
    ListKeys,
    /// Announce new keys; they sign once they are known to all who verify.
    RotateKey(signing_keys::RotateKey),
    /// Remove a key at once, in an emergency: every token it signed is void.
    RemoveKey(signing_keys::RemoveKey),
    /// Replace the key that authenticates the tokens of devices, in an emergency: every device must sign in again.
    RotateTokenKey(mac_keys::RotateTokenKey),
    /// Replace the key that authenticates the audit trail; the old one still verifies what it authenticated.
    RotateAuditKey,
    /// Seal with the first master key what another one sealed, in every tenant, so that the other can be removed.
    Reseal,
    /// Suspend a tenant, or let it go on.
    SetTenant(tenants::SetTenant),
    /// Erase a disabled tenant with everything that is its own; the audit trail stays.
    DeleteTenant(tenants::DeleteTenant),
    /// Override members of the settings under [policy] for a tenant or a client
    SetPolicy(policies::SetPolicy),
    /// Show the policy of a tenant or a client, and where each member is set
    ShowPolicy(policies::ShowPolicy),
    /// Check that nobody changed, removed or inserted events of the audit trail, in every tenant unless one is named.
    VerifyAudit(verify_audit::VerifyAudit),
    /// Undo all that came from one source of codes, and freeze it: for after a phishing campaign.
    RevokeCampaign(campaigns::RevokeCampaign),
    /// List the sources of codes that are frozen, or that something speaks against.
    ListCampaigns(campaigns::ListCampaigns),
    /// Let a frozen source have codes again.
    ReleaseSource(campaigns::ReleaseSource),
    /// Have an address told what happens; the secret that signs the messages is printed this once.
    CreateWebhook(webhooks::CreateWebhook),
    /// List the addresses that are told what happens.
    ListWebhooks,
    /// Tell an address nothing more.
    DeleteWebhook(webhooks::DeleteWebhook),
    /// Let nothing count that was issued before an instant; for after a restore from a backup.
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
    counted.map_err(|error| format!("it is done, but missing in the figures: {error}").into())
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
    let found = store::tenants::find(&app.db, &slug).await?.ok_or("there is no such tenant")?;
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
