//! `latchkey postgres`: a look at the embedded database, and the usual tools for it.

use std::io::Write;
use std::os::unix::process::CommandExt;

use clap::{Args, Subcommand};
use serde_json::json;

use super::outcome::Outcome;
use super::setup::{self, Hold, MissingPostgres};
use super::stop_signals::StopSignals;
use crate::config::Config;
use crate::embedded_postgres::{ClientProgram, client_command, status};

/// Inspect or use the embedded database.
#[derive(Debug, Args)]
pub(super) struct PostgresArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show its status, version and location.
    Status {
        /// Print the status as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Open psql; further arguments are passed to it.
    Psql {
        /// Arguments passed to psql.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Dump the database with `pg_dump`; further arguments are passed to it.
    Dump {
        /// Arguments passed to `pg_dump`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

pub(super) async fn run(args: PostgresArgs, config: &Config) -> Outcome {
    if config.database.url.is_some() {
        return Err("this command is for the embedded database, but database.url is set".into());
    }
    match args.command {
        Command::Status { json } => tell_status(config, json),
        Command::Psql { arguments } => run_client(config, ClientProgram::Psql, &arguments).await,
        Command::Dump { arguments } => run_client(config, ClientProgram::PgDump, &arguments).await,
    }
}

fn tell_status(config: &Config, as_json: bool) -> Outcome {
    let found = status(&setup::cluster_settings(config)?)?;
    let mut out = std::io::stdout();
    if as_json {
        let document = json!({
            "running": found.is_running(),
            "pid": found.pid,
            "data_version": found.data_version,
            "cluster_dir": found.cluster_dir,
            "socket_dir": found.socket_dir,
            "log": found.log,
            "size_bytes": found.size,
            "bin_dir": found.programs.as_ref().map(|programs| &programs.bin_dir),
        });
        return Ok(writeln!(out, "{document}")?);
    }
    let state = match (found.pid, found.data_version) {
        (Some(pid), _) => format!("running, process {pid}"),
        (None, Some(_)) => "not running".to_owned(),
        (None, None) => "not created yet".to_owned(),
    };
    writeln!(out, "state    {state}")?;
    if let Some(version) = found.data_version {
        writeln!(out, "version  {version}")?;
    }
    writeln!(out, "data     {} ({} MB)", found.cluster_dir.display(), found.size / 1_000_000)?;
    writeln!(out, "socket   {}", found.socket_dir.display())?;
    writeln!(out, "log      {}", found.log.display())?;
    Ok(())
}

/// Runs the program on the cluster: in our place while a server runs, or as our child while we keep it running.
async fn run_client(config: &Config, program: ClientProgram, arguments: &[String]) -> Outcome {
    let settings = setup::cluster_settings(config)?;
    let mut command = client_command(&settings, program)?;
    command.args(arguments);
    if status(&settings)?.is_running() {
        return Err(command.exec().into());
    }
    let mut signals = StopSignals::listen()?;
    let open = setup::open_database(config, Hold::Shared, MissingPostgres::Refuse);
    let database = signals.or_stop(open).await?;
    let mut child = tokio::process::Command::from(command).spawn()?;
    let ended = tokio::select! {
        ended = child.wait() => ended,
        _ = signals.received_but_interrupt() => {
            // What it was doing is rolled back when its connection ends with it.
            child.start_kill()?;
            child.wait().await
        }
    };
    database.close().await?;
    let ended = ended?;
    if ended.success() { Ok(()) } else { Err(format!("the command failed: {ended}").into()) }
}
