//! The wall between tenants stands on every major version of PostgreSQL, for a database that was set up as docs/database.md
//! says. The programs of each version come from npm; where it, its registry or the platform is missing, this is skipped.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use latchkey::embedded_postgres::{Cluster, ClusterSettings, Durability};
use latchkey::model::database_limits::Limits;
use latchkey::model::ids::TenantId;
use latchkey::store::db::Db;
use latchkey::store::tenant_transactions::{self, RowSecurity};
use latchkey::store::{connections, schema};
use serde_json::Value;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::process::Command;
use uuid::Uuid;

use crate::support::programs::{folder, run};
use crate::support::scratch;

const VERSIONS: [&str; 5] = ["14", "15", "16", "17", "18"];
const OURS: TenantId = TenantId(Uuid::from_u128(1));
const THEIRS: TenantId = TenantId(Uuid::from_u128(2));
const NOT_PERMITTED: &str = "42501";

/// The folder with the programs of each version.
async fn programs() -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        eprintln!("skipped: no programs of other PostgreSQL versions for this platform");
        return None;
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/tenant_isolation/postgres_versions");
    let folder = folder("postgres-versions", &sources, &["package.json", "package-lock.json"]);
    let lock = std::fs::read(folder.join("package-lock.json")).expect("the lock file");
    let installed = folder.join("installed-lock.json");
    if std::fs::read(&installed).is_ok_and(|before| before == lock) {
        return Some(folder);
    }
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    run("npm", &mut install).await?;
    for version in VERSIONS {
        link_libraries(&package(&folder, version));
    }
    std::fs::write(installed, lock).expect("what is installed is noted");
    Some(folder)
}

fn package(folder: &Path, version: &str) -> PathBuf {
    folder.join(format!("node_modules/postgres-{version}"))
}

/// Creates the links that a package of npm cannot hold.
fn link_libraries(package: &Path) {
    let list = std::fs::read_to_string(package.join("native/pg-symlinks.json")).expect("the list of links");
    let links: Vec<Value> = serde_json::from_str(&list).expect("a list");
    for link in links {
        let path = |member: &str| package.join(link[member].as_str().expect("a path"));
        let (source, target) = (path("source"), path("target"));
        symlink(source.file_name().expect("a name"), target).expect("a link");
    }
}

/// The statements that docs/database.md asks a superuser to run.
fn documented_statements() -> Vec<String> {
    let page = include_str!("../../../../docs/database.md");
    let (_, own) = page.split_once("## Use your own").expect("the section");
    let (_, block) = own.split_once("```sql\n").expect("the statements");
    let (block, _) = block.split_once("```").expect("their end");
    block.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}

async fn execute(db: &PgConnectOptions, statements: &[impl AsRef<str>]) {
    let mut connection = PgConnection::connect_with(db).await.expect("the superuser connects");
    for statement in statements {
        let done = sqlx::raw_sql(AssertSqlSafe(statement.as_ref().to_owned())).execute(&mut connection).await;
        done.unwrap_or_else(|error| panic!("{}: {error}", statement.as_ref()));
    }
}

/// What connects as this user, who owns the database of the same name.
async fn pool_of(superuser: &PgConnectOptions, user: &'static str) -> Db {
    let pool =
        connections::pool(4, Duration::from_secs(30), Limits::NONE).after_connect(move |connection, _| {
            Box::pin(async move {
                let sql = AssertSqlSafe(format!("SET SESSION AUTHORIZATION {user}"));
                sqlx::raw_sql(sql).execute(connection).await.map(drop)
            })
        });
    pool.connect_with(superuser.clone().database(user)).await.expect("the database answers").into()
}

async fn count(db: impl sqlx::PgExecutor<'_>, condition: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM tenants WHERE {condition}");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(db).await.expect("a number")
}

/// Migrates the database as `latchkey migrate` does, and proves that a transaction of a tenant reaches that tenant only.
async fn prove_the_wall(db: &Db, what: &str) {
    schema::migrate(db).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let found = tenant_transactions::find_out(db).await.expect("the database answers");
    assert_eq!(found, RowSecurity::AsRole, "{what}");
    for tenant in [OURS, THEIRS] {
        sqlx::query(
            "INSERT INTO tenants (id, slug, name, enabled, created_at) VALUES ($1, $2, $2, true, now())",
        )
        .bind(tenant.0)
        .bind(format!("tenant-{}", tenant.0.as_u128()))
        .execute(db)
        .await
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let begin = async || tenant_transactions::begin(db, found, OURS).await.expect("a transaction begins");
    let mut transaction = begin().await;
    assert_eq!(count(&mut *transaction, "current_user = 'latchkey_tenant'").await, 1, "{what}");
    let sql = "UPDATE tenants SET name = 'Taken' WHERE id = $1";
    let taken = sqlx::query(sql).bind(THEIRS.0).execute(&mut *transaction).await.expect("it runs");
    assert_eq!(taken.rows_affected(), 0, "{what}");
    let sql = "INSERT INTO scopes (tenant_id, name, description, created_at) VALUES ($1, 'x', '', now())";
    sqlx::query(sql).bind(OURS.0).execute(&mut *transaction).await.expect("a row of ours is added");
    let refused =
        sqlx::query(sql).bind(THEIRS.0).execute(&mut *transaction).await.expect_err("a row of theirs");
    assert_eq!(refused.as_database_error().and_then(DatabaseError::code).as_deref(), Some(NOT_PERMITTED));
    drop(transaction);
    assert_eq!(count(db, "true").await, 2, "{what}");
}

#[tokio::test]
async fn row_level_security_holds_on_every_version_of_postgresql() {
    let Some(folder) = programs().await else { return };
    for version in VERSIONS {
        let data_dir = scratch::place(&format!("tests-pg{version}"));
        let settings = ClusterSettings {
            data_dir: data_dir.clone(),
            bin_dir: Some(package(&folder, version).join("native/bin")),
            max_connections: 40,
            durability: Durability::Throwaway,
        };
        let cluster = Cluster::start(&settings).await.unwrap_or_else(|error| panic!("{version}: {error}"));
        let superuser = cluster.connect_options().username("postgres").database("postgres");
        let mut connection = PgConnection::connect_with(&superuser).await.expect("the superuser connects");
        let running: String =
            sqlx::query_scalar("SHOW server_version").fetch_one(&mut connection).await.expect("a version");
        assert!(running.starts_with(version), "{running} runs instead of {version}");
        connection.close().await.expect("it closes");
        // A cluster of Latchkey's own has these already.
        execute(&superuser, &["DROP DATABASE latchkey", "DROP ROLE latchkey_tenant", "DROP ROLE latchkey"])
            .await;

        execute(&superuser, &documented_statements()).await;
        let own = pool_of(&superuser, "latchkey").await;
        prove_the_wall(&own, &format!("PostgreSQL {version}, set up as docs/database.md says")).await;
        own.close().await;

        // The user creates the role, and so administers it without being allowed to become it.
        execute(
            &superuser,
            &[
                "ALTER ROLE latchkey_tenant RENAME TO former",
                "CREATE ROLE creator LOGIN CREATEROLE",
                "CREATE DATABASE creator OWNER creator",
            ],
        )
        .await;
        let own = pool_of(&superuser, "creator").await;
        prove_the_wall(&own, &format!("PostgreSQL {version}, a user that may create roles")).await;
        own.close().await;
        cluster.stop().await.expect("the cluster stops");
        std::fs::remove_dir_all(data_dir).expect("it is removed");
    }
}
