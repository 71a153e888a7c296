//! `latchkey migrate`

use clap::Args;

use super::outcome::Outcome;
use super::setup::{self, Hold};
use super::stop_signals::StopSignals;
use crate::config::Config;

/// Apply pending database migrations.
///
/// Safe to run several times at once: one migrates, the others wait.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// Install PostgreSQL with the system package manager if it is missing.
    #[arg(long)]
    install_postgres: bool,
}

pub(super) async fn run(args: MigrateArgs, config: Config) -> Outcome {
    setup::start_logging(&config)?;
    StopSignals::listen()?.or_stop(Box::pin(migrate(args, config))).await
}

async fn migrate(args: MigrateArgs, config: Config) -> Outcome {
    let database = setup::open_database(&config, Hold::Shared, args.install_postgres.into()).await?;
    let app = setup::build_app(config, &database).await?;
    setup::prepare(&app).await?;
    tracing::info!("database schema up to date");
    database.close().await
}
