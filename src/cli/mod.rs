//! The command line.

mod admin;
mod database_keeper;
mod database_trouble;
mod demo;
mod health;
pub mod login;
mod migrate;
mod outcome;
mod postgres;
mod serve;
mod setup;
mod stop_signals;
pub mod terminal;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config;
pub use outcome::{GaveUpError, Outcome};

const EXAMPLES: &str = "\
Examples:
  Try the whole flow in one terminal:
    latchkey demo

  Run the server with an embedded database:
    latchkey serve

  Create a user and a client while it runs:
    echo 'a long enough password' | latchkey admin create-user ada --password-stdin
    latchkey admin create-client --id tv --grant device_code --grant refresh_token --scope 'openid offline_access'

  Sign in as a device:
    latchkey login --issuer http://127.0.0.1:8628 --client-id tv";

/// OAuth 2.0 device authorization server (RFC 8628).
#[derive(Debug, Parser)]
#[command(name = "latchkey", version, after_long_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// Settings file; LATCHKEY__SECTION__KEY environment variables override it.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Migrate(migrate::MigrateArgs),
    /// Print the OpenAPI 3.1 document as JSON (needs no database).
    Openapi,
    Login(login::LoginArgs),
    Admin(admin::AdminArgs),
    Postgres(postgres::PostgresArgs),
    Health(health::HealthArgs),
}

pub async fn run(cli: Cli) -> Outcome {
    let settings = || config::load(cli.config.as_deref());
    match cli.command {
        Command::Demo(args) => Box::pin(demo::run(args, settings()?)).await,
        Command::Serve(args) => Box::pin(serve::run(args, settings()?)).await,
        Command::Migrate(args) => migrate::run(args, settings()?).await,
        Command::Openapi => print_openapi(),
        Command::Login(args) => Ok(Box::pin(login::run(args)).await?),
        Command::Admin(args) => admin::run(args, settings()?).await,
        Command::Postgres(args) => postgres::run(args, &settings()?).await,
        Command::Health(args) => health::run(args, &settings()?).await,
    }
}

fn print_openapi() -> Outcome {
    use std::io::Write as _;
    let document = crate::http::openapi::document().to_pretty_json()?;
    Ok(writeln!(std::io::stdout(), "{document}")?)
}
