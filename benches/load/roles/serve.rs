//! Latchkey, put together as `latchkey serve` does it, with the settings of a load test.

use std::sync::Arc;
use std::time::Duration;

use latchkey::app::App;
use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::http::server::Server;
use latchkey::random::Random;
use latchkey::secrets::{MasterKey, Secrets};
use latchkey::store::connections;
use latchkey::store::db::Db;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::say;
use crate::Fault;
use crate::child::Listening;

/// As long as codes live here: longer than the longest run.
pub(crate) const CODE_LIFETIME_SECONDS: u32 = 7_200;
/// How long a server waits before it first hears the others.
const UNTIL_TRUSTED: Duration = Duration::from_secs(10);

/// What a server is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServeInstructions {
    /// Its database.
    pub(crate) database_url: String,
    /// `device_flow.poll_interval_seconds`
    pub(crate) poll_interval_seconds: u32,
    /// `database.max_connections`, if it is not the usual one.
    pub(crate) max_connections: Option<u32>,
    /// Whether its neighbours fail, so that what it says of failures is no news.
    pub(crate) is_in_trouble: bool,
}

/// The settings.
pub(crate) fn config(poll_interval_seconds: u32) -> Config {
    let mut config = Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.rate_limits.enabled = false;
    // All devices have one client and one address here.
    config.sessions.max_waiting_polls_per_client = config.sessions.max_waiting_polls;
    config.sessions.max_waiting_polls_per_address = config.sessions.max_waiting_polls;
    config.device_flow.poll_interval_seconds = poll_interval_seconds;
    config.device_flow.code_lifetime_seconds = CODE_LIFETIME_SECONDS;
    config
}

/// The program on a database.
pub(crate) fn app(config: Config, db: Db) -> Arc<App> {
    let secrets = Secrets::derive(&MasterKey::from_bytes([7; 32]).into());
    Arc::new(App::new(config, Clock::system(), Random::system(), secrets, db))
}

/// The pool that `latchkey serve` makes.
pub(crate) async fn pool(database_url: &str, config: &Config) -> Result<Db, Fault> {
    let options = database_url.parse::<PgConnectOptions>()?.application_name("latchkey");
    let database = &config.database;
    let pool = connections::pool(database.max_connections, database.acquire_timeout(), database.limits());
    Ok(pool.connect_with(options).await?.into())
}

/// Serves until `stop` is cancelled.
pub(crate) async fn run(instructions: ServeInstructions, stop: CancellationToken) -> Result<(), Fault> {
    let level = if instructions.is_in_trouble { "off" } else { "error" };
    let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::try_new(level)?);
    lines.with_writer(std::io::stderr).init();
    let mut config = config(instructions.poll_interval_seconds);
    config.database.max_connections = instructions.max_connections.unwrap_or(config.database.max_connections);
    let db = pool(&instructions.database_url, &config).await?;
    connections::open_all(&db).await;
    let app = app(config, db);
    let server = Server::bind(Arc::clone(&app)).await?;
    let address = server.address()?;
    let announcing = async {
        let deadline = tokio::time::Instant::now() + UNTIL_TRUSTED;
        while !app.sessions.is_trusted() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        say(&Listening { address })
    };
    let (ended, announced) = tokio::join!(server.run(stop), announcing);
    app.db.close().await;
    announced?;
    Ok(ended.map(drop)?)
}
