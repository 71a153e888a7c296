//! A database for each test, copied from one that was migrated once.
//!
//! It lives on the server that `DATABASE_URL` names (whose user may create databases), or on a throw-away cluster
//! that ends with the test process; there it goes once its test has ended. `LATCHKEY_INSTALL_POSTGRES=1` installs PostgreSQL where it is missing.

use std::cell::RefCell;
use std::process::{ChildStdin, Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use latchkey::app::App;
use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::domain::tenants;
use latchkey::embedded_postgres::{Cluster, ClusterSettings, Durability, finder, install};
use latchkey::model::database_limits::Limits;
use latchkey::random::Random;
use latchkey::secrets::{MasterKey, Secrets};
use latchkey::store::db::Db;
use latchkey::store::{connections, schema};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::OnceCell;

use super::scratch;

/// Where databases are made.
struct Server {
    options: PgConnectOptions,
    template: String,
    /// As long as it is open, the cluster lives. There is none for a server that is not ours.
    lifeline: Option<ChildStdin>,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();
static COUNTER: AtomicU32 = AtomicU32::new(0);
/// The databases of the tests that have ended.
static FINISHED: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    /// The databases of the test that runs on this thread, which ends with it.
    static OF_THIS_TEST: Names = const { Names(RefCell::new(Vec::new())) };
}

/// Names of databases that nobody needs once their thread has ended.
struct Names(RefCell<Vec<String>>);

impl Drop for Names {
    fn drop(&mut self) {
        FINISHED.lock().unwrap_or_else(PoisonError::into_inner).append(self.0.get_mut());
    }
}

/// Each byte of the master key that the template's keys are sealed with.
pub const MASTER_KEY: u8 = 7;

/// The secrets of every test server, so that all can read the template's keys.
pub fn secrets() -> Secrets {
    Secrets::derive(&MasterKey::from_bytes([MASTER_KEY; 32]).into())
}

/// Connect options for a new database of its own, migrated, with the default tenant and its signing keys.
pub async fn create() -> PgConnectOptions {
    let server = SERVER.get_or_init(|| Box::pin(Server::start())).await;
    server.create(&format!(" TEMPLATE {}", server.template)).await
}

/// Connect options for a new database without tables.
pub async fn create_empty() -> PgConnectOptions {
    let server = SERVER.get_or_init(|| Box::pin(Server::start())).await;
    server.create("").await
}

/// A small pool on a database; whoever finds it empty waits so long. It connects when it is first asked, so that a
/// busy machine does not keep an impatient server from starting. Idle connections are asked at once whether they live,
/// and not after a second, so that no test depends on how long it took.
pub fn pool(options: PgConnectOptions, acquire_timeout: Duration) -> Db {
    pool_with(options, acquire_timeout, Limits::NONE)
}

/// The same with limits.
pub fn pool_with(options: PgConnectOptions, acquire_timeout: Duration, limits: Limits) -> Db {
    connections::pool(8, acquire_timeout, limits).test_before_acquire(true).connect_lazy_with(options).into()
}

impl Server {
    async fn start() -> Self {
        let (options, lifeline) = if let Some(url) = given_url() {
            (PgConnectOptions::from_str(&url).expect("DATABASE_URL is a PostgreSQL URL"), None)
        } else {
            let (options, lifeline) = start_cluster();
            (options, Some(lifeline))
        };
        let template = format!("latchkey_test_{}", std::process::id());
        let mut admin = PgConnection::connect_with(&options).await.expect("the database server answers");
        drop_leftovers(&mut admin).await;
        let sql = format!("CREATE DATABASE {template}");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await.expect("the template is made");
        Box::pin(migrate(options.clone().database(&template))).await;
        Self { options, template, lifeline }
    }

    /// Creates a database with these options, and drops those whose tests have ended.
    async fn create(&self, options: &str) -> PgConnectOptions {
        let name = format!("{}_{}", self.template, COUNTER.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect_with(&self.options).await.expect("the database server answers");
        if self.lifeline.is_some() {
            OF_THIS_TEST.with(|names| names.0.borrow_mut().push(name.clone()));
            let finished = std::mem::take(&mut *FINISHED.lock().unwrap_or_else(PoisonError::into_inner));
            for name in finished {
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await.expect("a database is dropped");
            }
        }
        // Files are copied with less work than pages. A server that is not ours may have to bring each to its disk.
        let is_new_enough = admin.server_version_num().is_some_and(|version| version >= 150_000);
        let strategy = if self.lifeline.is_some() && is_new_enough { " STRATEGY FILE_COPY" } else { "" };
        let sql = format!("CREATE DATABASE {name}{options}{strategy}");
        sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await.expect("a database is created");
        self.options.clone().database(&name)
    }
}

/// Databases of earlier runs that nobody is connected to.
async fn drop_leftovers(admin: &mut PgConnection) {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT datname FROM pg_database d WHERE datname LIKE 'latchkey\\_test\\_%'
         AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname)",
    )
    .fetch_all(&mut *admin)
    .await
    .expect("databases can be listed");
    for name in names {
        // Somebody may have connected in between; then it is not a leftover.
        let _ =
            sqlx::query(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).execute(&mut *admin).await;
    }
}

/// Makes a database ready: its tables, the default tenant and its signing keys.
pub async fn migrate(options: PgConnectOptions) {
    let db = pool(options, Duration::from_secs(30));
    schema::migrate(&db).await.expect("the migrations run");
    let app = App::new(Config::default(), Clock::system(), Random::system(), secrets(), db.clone());
    tenants::ensure_default(&app).await.expect("the default tenant is made");
    db.close().await;
}

#[expect(clippy::disallowed_methods, reason = "these variables are the tests' own settings")]
fn given_url() -> Option<String> {
    std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "these variables are the tests' own settings")]
fn may_install() -> bool {
    std::env::var("LATCHKEY_INSTALL_POSTGRES").is_ok_and(|value| value == "1")
}

/// Insists on PostgreSQL's programs, and installs them if that is wanted.
pub fn require_programs() {
    static PROGRAMS: LazyLock<Result<(), String>> = LazyLock::new(|| {
        if finder::find(None).is_err() && may_install() {
            install::install().map_err(|error| error.to_string())?;
        }
        finder::find(None).map(drop).map_err(|error| error.to_string())
    });
    if let Err(error) = &*PROGRAMS {
        panic!("{error}; the tests do it with LATCHKEY_INSTALL_POSTGRES=1");
    }
}

/// Starts a cluster on a thread of its own, since each test's runtime ends with the test.
fn start_cluster() -> (PgConnectOptions, ChildStdin) {
    std::thread::spawn(|| {
        require_programs();
        let data_dir = scratch::place("tests");
        let settings = ClusterSettings {
            data_dir: data_dir.clone(),
            bin_dir: None,
            max_connections: 200,
            durability: Durability::Throwaway,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let cluster = runtime.block_on(Cluster::start(&settings)).unwrap_or_else(|error| panic!("{error}"));
        let options = cluster.connect_options().username("postgres").database("postgres");
        // When this process ends, however it ends, the pipe closes, and the cluster goes away. What stops this process may
        // reach the shell as well.
        #[expect(clippy::zombie_processes, reason = "it outlives this process")]
        let mut undertaker = Command::new("sh")
            .args(["-c", "trap '' INT TERM HUP; cat; kill -QUIT $0; while kill -0 $0; do sleep 0.1; done; rm -rf \"$1\""])
            .arg(cluster.pid().to_string())
            .arg(&data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        // Dropping either would stop the cluster now.
        std::mem::forget(cluster);
        std::mem::forget(runtime);
        (options, undertaker.stdin.take().expect("its standard input"))
    })
    .join()
    .expect("the cluster starts")
}
