//! What every command that touches the database does first: find or start the database, get the master key, put
//! the program together.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, LogFormat};
use crate::domain::audit_trail::seal::seal_unmarked;
use crate::domain::tenants;
use crate::embedded_postgres::{self, Cluster, ClusterSettings, Durability, finder, install};
use crate::random::Random;
use crate::secrets::{MasterKey, Secrets};
use crate::store::{connections, schema};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Whether a missing PostgreSQL is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingPostgres {
    /// By the system's package manager.
    Install,
    /// Not at all; the command fails with a sentence.
    Refuse,
}

impl From<bool> for MissingPostgres {
    fn from(install: bool) -> Self {
        if install { Self::Install } else { Self::Refuse }
    }
}

/// How the embedded database is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Alone: a second server on the same directory is refused.
    Alone,
    /// Beside a running server, or alone when there is none.
    Shared,
}

/// A database within reach.
pub(super) struct Database {
    pub(super) pool: PgPool,
    /// The embedded cluster, when the database is one.
    pub(super) cluster: Option<Cluster>,
}

impl Database {
    /// Resolves when the embedded cluster ends by itself, with what is known of why.
    pub(super) async fn ended(&mut self) -> String {
        match &mut self.cluster {
            Some(cluster) => cluster.exited().await,
            None => std::future::pending().await,
        }
    }

    /// Closes the connections, and stops the embedded cluster if it is ours.
    pub(super) async fn close(self) -> Result<(), Error> {
        self.pool.close().await;
        if let Some(cluster) = self.cluster {
            cluster.stop().await?;
        }
        Ok(())
    }
}

/// Connects to the database of the settings, or to the embedded one, started for the purpose if need be.
pub(super) async fn open_database(
    config: &Config,
    hold: Hold,
    missing: MissingPostgres,
) -> Result<Database, Error> {
    let (options, cluster) = if let Some(url) = &config.database.url {
        (url.parse::<PgConnectOptions>()?, None)
    } else {
        let settings = cluster_settings(config)?;
        install_if_missing(&settings, missing)?;
        let cluster = match hold {
            Hold::Alone => Cluster::start(&settings).await?,
            Hold::Shared => Cluster::open(&settings).await?,
        };
        (cluster.connect_options(), Some(cluster))
    };
    let pool = connections::pool(config.database.max_connections, config.database.acquire_timeout())
        .connect_with(options.application_name("latchkey"))
        .await
        .map_err(|error| format!("the database cannot be reached: {error}"))?;
    Ok(Database { pool, cluster })
}

fn install_if_missing(settings: &ClusterSettings, missing: MissingPostgres) -> Result<(), Error> {
    if missing == MissingPostgres::Install && finder::find(settings.bin_dir.as_deref()).is_err() {
        install::install()?;
    }
    Ok(())
}

/// How the embedded cluster is kept and run.
pub(super) fn cluster_settings(config: &Config) -> Result<ClusterSettings, Error> {
    Ok(ClusterSettings {
        data_dir: data_dir(config)?,
        bin_dir: config.database.postgres_bin_dir.clone(),
        // Commands may run beside the server, each with some connections of its own.
        max_connections: config.database.max_connections + 16,
        durability: Durability::Durable,
    })
}

fn data_dir(config: &Config) -> Result<PathBuf, Error> {
    match &config.data_dir {
        Some(given) => Ok(std::path::absolute(given)?),
        None => Ok(embedded_postgres::default_data_dir()?),
    }
}

/// The program, on a database whose schema is up to date.
pub(super) fn build_app(config: Config, database: &Database) -> Result<Arc<App>, Error> {
    let random = Random::system();
    let master_key = master_key(&config, &random)?;
    let secrets = Secrets::derive(&master_key);
    Ok(Arc::new(App::new(config, Clock::system(), random, secrets, database.pool.clone())))
}

/// The key of the settings; without one, which only the embedded database allows, that of its first start.
fn master_key(config: &Config, random: &Random) -> Result<MasterKey, Error> {
    match (&config.secrets.master_key, &config.secrets.master_key_file) {
        (Some(text), _) => Ok(MasterKey::parse(text)?),
        (None, Some(file)) => Ok(MasterKey::read(file)?),
        (None, None) => Ok(MasterKey::read_or_create(&data_dir(config)?.join("master.key"), random)?),
    }
}

/// Brings the schema up to date and makes what every server needs: the default tenant with its keys.
pub(super) async fn prepare(app: &App) -> Result<(), Error> {
    let unmarked = schema::lacks_event_macs(&app.db).await?;
    schema::migrate(&app.db).await?;
    if unmarked {
        seal_unmarked(app).await?;
    }
    ensure_default_tenant(app).await
}

/// Makes the default tenant with its keys, or opens them. This is where another master key than the database's is
/// noticed, and here the cause may be told: whoever reads it runs the server.
pub(super) async fn ensure_default_tenant(app: &App) -> Result<(), Error> {
    tenants::ensure_default(app).await.map_err(|error| match error.cause {
        Some(cause) => format!("the default tenant's signing keys cannot be made or opened: {cause}").into(),
        None => error.into(),
    })
}

/// Sends log lines to standard error.
pub(super) fn start_logging(config: &Config) -> Result<(), Error> {
    let filter =
        EnvFilter::try_new(&config.log.filter).map_err(|error| format!("setting log.filter: {error}"))?;
    let mut lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if !std::io::stderr().is_terminal() {
        lines = lines.with_ansi(false);
    }
    match config.log.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
