//! What every command that touches the database does first: find or start the database, get the master key, put
//! the program together.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing_subscriber::EnvFilter;

use super::database_trouble;
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, LogFormat};
use crate::domain::{clock_difference, signing_keys, tenants};
use crate::embedded_postgres::{self, Cluster, ClusterSettings, Durability, finder, install};
use crate::model::database_limits::Limits;
use crate::random::Random;
use crate::secrets::{MasterKeys, Secrets};
use crate::store::connections;
use crate::store::db::Db;
use crate::store::hosts::Hosts;
use crate::store::poolers::{self, Pooler};
use crate::store::schema::{self, SchemaState};

/// How long closing the connections may take.
const CLOSING: Duration = Duration::from_secs(1);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Whether a missing PostgreSQL is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingPostgres {
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

pub(super) struct Database {
    pub(super) pool: Db,
    /// Where it may be, when it is not an embedded one.
    hosts: Arc<Hosts>,
    /// The embedded cluster, when the database is one.
    pub(super) cluster: Option<Cluster>,
}

impl Database {
    /// Closes the connections, and stops the embedded cluster if it is ours. Connections that cannot be closed soon are
    /// left to the end of the process.
    pub(super) async fn close(self) -> Result<(), Error> {
        if timeout(CLOSING, self.pool.close()).await.is_err() {
            tracing::warn!("database connections not closed in time; left open");
        }
        if let Some(cluster) = self.cluster {
            // Nothing committed is lost, whatever the ending.
            let _ = cluster.stop().await?;
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
    let mut hosts = Arc::default();
    let (options, cluster) = if let Some(url) = &config.database.url {
        let parsed = Hosts::parse(url).map_err(|error| format!("setting database.url: {error}"))?;
        hosts = Arc::new(parsed.with(|options| options.application_name("latchkey")));
        let found = hosts.find(config.database.acquire_timeout()).await;
        let options = found.map_err(|troubles| database_trouble::finding(&troubles))?;
        match poolers::find_out(&options).await {
            Pooler::None => {}
            Pooler::KeepsStatements => {
                tracing::info!("database connections pooled by transaction");
            }
            Pooler::LosesStatements => return Err(database_trouble::old_pooler(&options).into()),
        }
        (options, None)
    } else {
        let settings = cluster_settings(config)?;
        install_if_missing(&settings, missing)?;
        let cluster = match hold {
            Hold::Alone => Cluster::start(&settings).await?,
            Hold::Shared => Cluster::open(&settings).await?,
        };
        (cluster.connect_options(), Some(cluster))
    };
    let limits = match hold {
        Hold::Alone => config.database.limits(),
        Hold::Shared => Limits::OF_COMMANDS,
    };
    let (most, patience) = (config.database.max_connections, config.database.acquire_timeout());
    let pool = connections::pool_on(&hosts, most, patience, limits)
        .connect_with(options.application_name("latchkey"))
        .await
        .map_err(|error| format!("the database cannot be reached: {error}"))?;
    Ok(Database { pool: pool.into(), hosts, cluster })
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

/// The program on a database. Fails with a sentence where the database is of a newer program, or sealed with another
/// master key.
pub(super) async fn build_app(config: Config, database: &Database) -> Result<Arc<App>, Error> {
    let random = Random::system();
    let state = schema::state(&database.pool).await?;
    match state {
        SchemaState::Newer { .. } => return Err(database_trouble::schema(state).unwrap_or_default().into()),
        SchemaState::NewerButCompatible { version } => {
            tracing::warn!(version, "database schema newer but compatible; upgrade this instance, too");
        }
        _ => {}
    }
    let sealed = match state {
        SchemaState::Empty => None,
        _ => signing_keys::any_sealed(&database.pool).await?,
    };
    let place = KeyPlace::of(&config)?;
    let master_keys = match (&place, &sealed) {
        (KeyPlace::Setting(text), _) => MasterKeys::parse(text)?,
        // Data that is sealed was sealed with the key that is missing; another key would not open it.
        (KeyPlace::OurFile(file), None) => MasterKeys::read_or_create(file, &random)?,
        (KeyPlace::OurFile(file) | KeyPlace::GivenFile(file), _) => MasterKeys::read(file)?,
    };
    let secrets = Secrets::derive(&master_keys);
    if sealed.is_some_and(|sealed| !signing_keys::opens(&secrets, &sealed)) {
        return Err(format!(
            "the database was encrypted with a different master key than the one in {place}: restore the \
             right key from your backup or from a working instance"
        )
        .into());
    }
    let app = App::new(config, Clock::system(), random, secrets, database.pool.clone());
    let app = Arc::new(app.on_hosts(Arc::clone(&database.hosts)));
    if let Err(error) = clock_difference::measure(&app).await {
        tracing::warn!(%error, "database clock not read; clock of this instance used until then");
    }
    Ok(app)
}

enum KeyPlace {
    /// In `secrets.master_key`.
    Setting(String),
    /// In the file of `secrets.master_key_file`.
    GivenFile(PathBuf),
    /// In the data directory, where the first start with the embedded database creates it.
    OurFile(PathBuf),
}

impl KeyPlace {
    fn of(config: &Config) -> Result<Self, Error> {
        Ok(match (&config.secrets.master_key, &config.secrets.master_key_file) {
            (Some(text), _) => Self::Setting(text.clone()),
            (None, Some(file)) => Self::GivenFile(file.clone()),
            (None, None) => Self::OurFile(data_dir(config)?.join("master.key")),
        })
    }
}

impl std::fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Setting(_) => f.write_str("secrets.master_key"),
            Self::GivenFile(file) | Self::OurFile(file) => file.display().fmt(f),
        }
    }
}

/// Brings the schema up to date and makes what every server needs: the default tenant with its keys.
pub(super) async fn prepare(app: &App) -> Result<(), Error> {
    // A newer program has done more than this one could.
    if !matches!(schema::state(&app.db).await?, SchemaState::NewerButCompatible { .. }) {
        schema::migrate(&app.db).await.map_err(|error| database_trouble::migrating(&error))?;
    }
    ensure_default_tenant(app).await
}

/// Fails with a sentence where the schema is not up to date.
pub(super) async fn require_current_schema(app: &App) -> Result<(), Error> {
    match database_trouble::schema(schema::state(&app.db).await?) {
        Some(trouble) => Err(trouble.into()),
        None => Ok(()),
    }
}

/// Makes the default tenant with its keys, or opens them. This is where another master key than the database's is
/// noticed, and here the cause may be told: whoever reads it runs the server.
pub(super) async fn ensure_default_tenant(app: &App) -> Result<(), Error> {
    tenants::ensure_default(app).await.map_err(|error| match error.cause {
        Some(cause) => {
            format!("the signing keys of the default tenant could not be created or decrypted: {cause}")
                .into()
        }
        None => error.into(),
    })
}

/// Sends log lines to standard error.
pub(super) fn start_logging(config: &Config) -> Result<(), Error> {
    let filter =
        EnvFilter::try_new(&config.log.filter).map_err(|error| format!("setting log.filter: {error}"))?;
    // Where standard error is gone, as after its terminal was closed, nothing is left to complain to.
    let mut lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    if !std::io::stderr().is_terminal() {
        lines = lines.with_ansi(false);
    }
    match config.log.format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
