//! `latchkey serve`

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::database_keeper::Keeper;
use super::outcome::{GaveUpError, Outcome};
use super::setup::{self, Database, Hold};
use super::stop_signals::StopSignals;
use crate::app::App;
use crate::background::TaskEndedError;
use crate::config::{Coherence, Config};
use crate::descriptors::{self, DescriptorLimit, Room};
use crate::domain::first_administrator::{self, Invitation};
use crate::embedded_postgres::{ClusterSettings, Ending};
use crate::http::operations;
use crate::http::server::{Server, Stopped};
use crate::store::connections::{self, Unkept};
use crate::store::tenant_transactions::{self, RowSecurity};

/// Run the server.
///
/// Without `database.url`, it starts and manages a private PostgreSQL.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Install PostgreSQL with the system package manager if it is missing.
    #[arg(long)]
    install_postgres: bool,
}

pub(super) async fn run(args: ServeArgs, config: Config) -> Outcome {
    setup::start_logging(&config)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let descriptors = descriptors::raise();
    let mut signals = StopSignals::listen()?;
    let ready = tokio::select! {
        ready = make_ready(&args, config, descriptors) => ready?,
        signal = signals.received() => {
            tracing::info!(signal, "shutdown requested");
            return Ok(());
        }
    };
    Box::pin(serve(ready, signals)).await
}

/// All that a server needs before it answers.
struct Ready {
    app: Arc<App>,
    server: Server,
    operations: Option<TcpListener>,
    database: Database,
    cluster_settings: Option<ClusterSettings>,
}

async fn make_ready(args: &ServeArgs, mut config: Config, descriptors: DescriptorLimit) -> Outcome<Ready> {
    let listener = listen(&mut config).await?;
    let operations = match config.server.operations_listen {
        Some(address) => {
            Some(TcpListener::bind(address).await.map_err(|error| cannot_listen(address, &error))?)
        }
        None => None,
    };
    let database = setup::open_database(&config, Hold::Alone, args.install_postgres.into()).await?;
    let cluster_settings = database.cluster.as_ref().map(|_| setup::cluster_settings(&config)).transpose()?;
    let app = setup::build_app(config, &database).await?;
    bring_up_to_date(&app, &database).await?;
    tell_room(&app, descriptors);
    tell_master_keys(&app);
    // Before the first page is asked for.
    app.themes.reread();
    let server = Server::on(listener, Arc::clone(&app));
    invite_first_administrator(&app).await?;
    connections::open_all(&app.db).await;
    tell_limits(&app).await?;
    tracing::info!(address = %server.address()?, issuer = app.config.public_origin(), "listening");
    tell_row_security(app.row_security().await?);
    tell_coherence(&app);
    Ok(Ready { app, server, operations, database, cluster_settings })
}

async fn serve(ready: Ready, signals: StopSignals) -> Outcome {
    let Ready { app, server, operations, database, cluster_settings } = ready;
    let stop = CancellationToken::new();
    let grace = Duration::from_secs(app.config.server.shutdown_grace_seconds);
    let server = match &cluster_settings {
        Some(_) => server.leaving(kept_for_database(grace)),
        None => server,
    };
    let operating = async {
        match operations {
            Some(listener) => operations::run(listener, Arc::clone(&app), stop.clone()).await,
            None => stop.cancelled().await,
        }
    };
    let serving = async {
        let (ended, ()) = tokio::join!(server.run(stop.clone()), operating);
        ended
    };
    Box::pin(run_until_stopped(serving, stop.clone(), signals, database, cluster_settings, grace)).await
}

/// The part of the grace period that is reserved for the end of the embedded database, which most often takes much less.
fn kept_for_database(grace: Duration) -> Duration {
    (grace / 10).min(Duration::from_secs(4))
}

/// Takes the address before anything else is started, so that a taken one costs nothing. With port 0 the
/// settings learn which one it became.
pub(super) async fn listen(
    config: &mut Config,
) -> Result<TcpListener, Box<dyn std::error::Error + Send + Sync>> {
    let address = config.server.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| cannot_listen(address, &error))?;
    config.server.listen = listener.local_addr()?;
    Ok(listener)
}

fn cannot_listen(address: std::net::SocketAddr, error: &std::io::Error) -> String {
    format!("cannot listen on {address}: {error}; choose another address with LATCHKEY__SERVER__LISTEN")
}

fn tell_room(app: &App, descriptors: DescriptorLimit) {
    let Room { connections, reserve, waiting_polls } = app.room;
    let soft = descriptors.soft.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string());
    tracing::info!(descriptors = soft, connections, reserve, waiting_polls, "descriptor limit set");
    if connections + reserve < app.config.server.max_connections {
        tracing::warn!(
            descriptors = soft,
            connections,
            "descriptor limit below server.max_connections; raise the hard limit (ulimit -Hn, LimitNOFILE=)"
        );
    }
}

/// Warns if a pooler keeps the time limits of the settings from reaching the connections behind it.
async fn tell_limits(app: &App) -> Outcome {
    for Unkept { name, asked, is } in
        connections::unkept_limits(&app.db, app.config.database.limits()).await?
    {
        tracing::warn!(
            limit = name,
            asked = ?asked,
            is = %if is.is_zero() { "none".to_owned() } else { format!("{is:?}") },
            "time limit not effective behind a transaction pooler; set it for the database user: ALTER ROLE \
             … SET {name} = {}",
            asked.as_millis()
        );
    }
    Ok(())
}

/// Names the master keys, so that operators see how far a rotation is.
fn tell_master_keys(app: &App) {
    let names: Vec<_> = app.secrets.names().iter().map(ToString::to_string).collect();
    tracing::info!(sealing = %app.secrets.sealing_name(), all = names.join(" "), "master keys loaded");
}

fn tell_row_security(row_security: RowSecurity) {
    match row_security {
        RowSecurity::AsRole | RowSecurity::AsUser => tracing::info!("row-level security enabled"),
        RowSecurity::Off => tracing::warn!(
            "row-level security disabled: the database user owns the tables and cannot switch to role {0}; run as a superuser: \
             CREATE ROLE {0} NOLOGIN; GRANT {0} TO the database user; then run `latchkey migrate`",
            tenant_transactions::ROLE
        ),
    }
}

fn tell_coherence(app: &App) {
    if app.config.sessions.coherence == Coherence::ReadThrough {
        tracing::info!(
            "sessions.coherence = read_through: every poll reads the database; long polls are disabled \
             (Prefer: wait is not applied)"
        );
    }
}

async fn bring_up_to_date(app: &App, database: &Database) -> Outcome {
    if database.cluster.is_some() || app.config.database.migrate_on_start {
        return setup::prepare(app).await;
    }
    setup::require_current_schema(app).await?;
    setup::ensure_default_tenant(app).await
}

/// Shows the link for the first administrator where there is none: to whoever started the server, and in no log.
async fn invite_first_administrator(app: &App) -> Outcome {
    match first_administrator::invite(app).await? {
        Invitation::Needless => {}
        Invitation::Made { url, expires_at } => {
            let until = expires_at.format("%H:%M UTC");
            let said = format!(
                "There is no administrator yet. Open this link before {until} to create one; it works \
                 once:\n{}\n",
                *url
            );
            // A server that nobody listens to serves all the same.
            let _ = std::io::stdout().write_all(said.as_bytes());
        }
        Invitation::MadeBefore { expires_at } => {
            tracing::info!(
                %expires_at,
                "no administrator exists; a setup link was already shown and is still valid; `latchkey \
                 admin create-user NAME --role admin --password-stdin` creates one, too"
            );
        }
    }
    Ok(())
}

/// Serves until a signal asks to stop, and then finishes what is under way. If the embedded database ends by itself, it
/// is started again; requests are answered 503 until it is back. If its data is gone, the server stops.
async fn run_until_stopped(
    serving: impl Future<Output = Result<Stopped, TaskEndedError>>,
    stop: CancellationToken,
    mut signals: StopSignals,
    mut database: Database,
    settings: Option<ClusterSettings>,
    grace: Duration,
) -> Outcome {
    tokio::pin!(serving);
    let mut keeper = match (database.cluster.take(), settings) {
        (Some(cluster), Some(settings)) => Some(Keeper::start(cluster, settings)?),
        _ => None,
    };
    let outcome = tokio::select! {
        ended = &mut serving => {
            let _ = stop_keeping(keeper, Instant::now() + grace).await?;
            return Ok(ended.map(drop)?);
        }
        signal = signals.received() => {
            tracing::info!(signal, "shutdown requested");
            Ok(())
        }
        error = failed(&mut keeper) => {
            tracing::error!(%error, "embedded database lost; stopping");
            // It has nothing left to stop.
            keeper = None;
            Err(error)
        }
    };
    let deadline = Instant::now() + grace;
    stop.cancel();
    let stopped = serving.await?;
    let closed = database.close().await;
    let kept = stop_keeping(keeper, deadline).await;
    match (outcome.and(closed).and(kept)?, stopped) {
        (Ending::Orderly, Stopped::Completely) => Ok(()),
        (Ending::Forced, _) => {
            tracing::warn!("shutdown grace period ended; embedded database killed");
            Err(GaveUpError.into())
        }
        (_, Stopped::GaveUp) => Err(GaveUpError.into()),
    }
}

async fn stop_keeping(keeper: Option<Keeper>, until: Instant) -> Outcome<Ending> {
    match keeper {
        Some(keeper) => Ok(keeper.stop_by(until).await?),
        None => Ok(Ending::Orderly),
    }
}

/// Waits until the embedded database cannot be kept running.
async fn failed(keeper: &mut Option<Keeper>) -> Box<dyn std::error::Error + Send + Sync> {
    match keeper {
        Some(keeper) => keeper.failed().await,
        None => std::future::pending().await,
    }
}
