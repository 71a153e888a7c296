//! The databases of a run: one for the servers, one for the database bound, on a private cluster or on a
//! PostgreSQL that was given. Both are thrown away afterwards.

pub(crate) mod cluster;
pub(crate) mod counters;
pub(crate) mod people;
pub(crate) mod seed;

use std::str::FromStr;
use std::time::Duration;

use latchkey::model::database_limits::Limits;
use latchkey::store::connections;
use latchkey::store::db::Db;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::Fault;
use crate::accounting::{self, Ticks};
use cluster::PrivateCluster;

/// One database.
#[derive(Debug)]
pub(crate) struct Database {
    /// How a server reaches it.
    pub(crate) url: String,
    /// How the tool itself does.
    pub(crate) pool: Db,
}

/// Where the databases are.
#[derive(Debug)]
pub(crate) struct Databases {
    /// The servers'.
    pub(crate) served: Database,
    /// The bound's, so that its statements are not counted among the servers'.
    pub(crate) bound: Database,
    /// What the database server says that it is.
    pub(crate) version: String,
    admin: PgConnectOptions,
    cluster: Option<PrivateCluster>,
    postmaster: Option<u32>,
}

impl Databases {
    /// Makes the databases, on the server at `url` or on a cluster of their own.
    pub(crate) async fn create(url: Option<&str>) -> Result<Self, Fault> {
        let (admin, user, cluster) = if let Some(url) = url {
            let options = PgConnectOptions::from_str(url)?;
            (options.clone(), options, None)
        } else {
            let cluster = PrivateCluster::start("load").await?;
            (cluster.superuser(), cluster.user(), Some(cluster))
        };
        let mut connection = admin.connect().await?;
        let version: String = sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await?;
        let postmaster = postmaster(&mut connection).await?;
        let mut made = Vec::new();
        for name in names() {
            let owner = user.get_username();
            let sql = format!("CREATE DATABASE {name} OWNER \"{}\"", owner.replace('"', "\"\""));
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
            made.push(seed::prepare(user.clone().database(&name)).await?);
        }
        let bound = made.pop().ok_or("two databases")?;
        let served = made.pop().ok_or("two databases")?;
        Ok(Self { served, bound, version, admin, cluster, postmaster })
    }

    /// The processor time of the database server with all its processes; `None` where they cannot be seen.
    pub(crate) fn cpu(&self) -> Option<Ticks> {
        self.postmaster.map(accounting::of_family)
    }

    /// The postmaster's process number, where it can be seen.
    pub(crate) fn postmaster(&self) -> Option<u32> {
        self.postmaster
    }

    /// Where the write-ahead log ends.
    pub(crate) async fn log_position(&self) -> Result<i64, Fault> {
        let position = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
        Ok(sqlx::query_scalar(position).fetch_one(&self.served.pool).await?)
    }

    /// Whether the cluster is the tool's own.
    pub(crate) fn is_private(&self) -> bool {
        self.cluster.is_some()
    }

    /// Throws everything away.
    pub(crate) async fn destroy(self) -> Result<(), Fault> {
        self.served.pool.close().await;
        self.bound.pool.close().await;
        if let Some(cluster) = self.cluster {
            return cluster.destroy().await;
        }
        let mut connection = self.admin.connect().await?;
        for name in names() {
            let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }
}

impl Database {
    /// Connects to a database that is there.
    pub(crate) async fn connect(options: PgConnectOptions) -> Result<Self, Fault> {
        let url = options.to_url_lossy().to_string();
        let pool = connections::pool(4, Duration::from_secs(30), Limits::NONE).connect_with(options).await?;
        Ok(Self { url, pool: pool.into() })
    }
}

fn names() -> [String; 2] {
    let number = std::process::id();
    [format!("latchkey_load_{number}"), format!("latchkey_load_bound_{number}")]
}

/// The parent of our own backend, if it is a PostgreSQL process of this machine.
async fn postmaster(connection: &mut PgConnection) -> Result<Option<u32>, Fault> {
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection).await?;
    let backend = u32::try_from(backend)?;
    let is_here = accounting::program(backend).is_some_and(|name| name.starts_with("postgres"));
    Ok(accounting::parent(backend).filter(|_| is_here))
}
