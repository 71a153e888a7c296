//! Migrations beside running servers: no table is locked for long, and what one release makes, the one before can live
//! with.

use std::fs;
use std::path::Path;

use latchkey::store::schema::{self, SchemaState};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqlSafeStr};

use crate::support::dpop::start_with;
use crate::support::{DpopKey, TestServer, until};

const ROWS: i64 = 200_000;

/// What is wrong with a migration that would lock a table that exists already, or leave the release before without one.
fn faults(sql: &str) -> Vec<String> {
    let code: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let code = code.join("\n").to_lowercase();
    let statements: Vec<String> =
        code.split(';').map(|one| one.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let statements: Vec<&String> = statements.iter().filter(|one| !one.is_empty()).collect();
    let is_new = |table: &str| {
        let table = table.trim_end_matches('(');
        statements.iter().any(|one| {
            one.split(' ').zip(one.split(' ').skip(1)).any(|(word, name)| {
                word == "table" && one.starts_with("create") && name.trim_end_matches('(') == table
            })
        })
    };
    let mut faults = Vec::new();
    for statement in &statements {
        let words: Vec<&str> = statement.split(' ').collect();
        let after = |word: &str| words.iter().position(|one| *one == word).and_then(|at| words.get(at + 1));
        if statement.starts_with("create index") || statement.starts_with("create unique index") {
            let concurrent = words.contains(&"concurrently");
            if !concurrent && !after("on").is_some_and(|table| is_new(table)) {
                faults.push(format!("locks the table; use CREATE INDEX CONCURRENTLY: {statement}"));
            }
            if concurrent {
                let is_alone = statements.len() == 1 && sql.starts_with("-- no-transaction");
                if !is_alone || !statement.contains("if not exists") {
                    faults.push(format!("needs a migration of its own, with IF NOT EXISTS: {statement}"));
                }
            }
        }
        if statement.starts_with("alter table") && !after("table").is_some_and(|table| is_new(table)) {
            let is_checked =
                ["foreign key", "check (", " check("].iter().any(|word| statement.contains(word));
            if statement.contains("add constraint") && is_checked && !statement.contains("not valid") {
                faults.push(format!("reads the whole table under lock; use NOT VALID: {statement}"));
            }
            if statement.contains(" type ") || statement.contains("set not null") {
                faults.push(format!("rewrites or reads the whole table under lock: {statement}"));
            }
        }
    }
    faults
}

#[test]
fn no_migration_locks_a_table_that_exists_already() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    for (nth, file) in files.iter().enumerate() {
        let sql = fs::read_to_string(file).expect("text");
        assert_eq!(faults(&sql), [""; 0], "{}", file.display());
        // Whoever writes the next one has to think about it.
        let names_the_oldest = sql.lines().any(|line| line.starts_with("-- oldest program:"));
        assert!(nth == 0 || names_the_oldest, "{} names no oldest program", file.display());
    }
}

#[test]
fn what_locks_a_table_is_noticed() {
    for good in [
        "CREATE TABLE a (b int);\nCREATE INDEX a_b ON a (b);",
        "CREATE UNLOGGED TABLE a (b int);\nCREATE INDEX a_b ON a (b);",
        "-- no-transaction\n-- oldest program: 1\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_b ON a (b);",
        "ALTER TABLE a ADD COLUMN c int;",
        "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID;",
    ] {
        assert_eq!(faults(good), [""; 0], "{good}");
    }
    for bad in [
        "CREATE INDEX a_b ON a (b);",
        "create unique index a_b\n  on a (b);",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS a_b ON a (b);",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY a_b ON a (b);",
        "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_b ON a (b);\nANALYZE a;",
        "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0);",
        "ALTER TABLE a ALTER COLUMN b SET NOT NULL;",
        "ALTER TABLE a ALTER COLUMN b TYPE bigint;",
    ] {
        assert_eq!(faults(bad).len(), 1, "{bad}");
    }
}

/// The migrations of this program, and another one.
fn with_one_more(sql: &'static str) -> (Migrator, i64) {
    let mut all: Vec<Migration> = known();
    let version = all.iter().map(|one| one.version).max().expect("a migration") + 1;
    let no_tx = sql.starts_with("-- no-transaction");
    all.push(Migration::new(version, "next".into(), MigrationType::Simple, sql.into_sql_str(), no_tx));
    (Migrator::with_migrations(all), version)
}

fn known() -> Vec<Migration> {
    static MIGRATOR: Migrator = sqlx::migrate!("./migrations");
    MIGRATOR.iter().cloned().collect()
}

const INDEX: &str = "-- no-transaction\n-- oldest program: 20261130000000\n\
                     CREATE INDEX CONCURRENTLY IF NOT EXISTS used_jtis_next ON used_jtis (expires_at, jti_hash);";

async fn fill(server: &TestServer) {
    let sql = format!(
        "INSERT INTO used_jtis (tenant_id, jti_hash, expires_at)
         SELECT (SELECT id FROM tenants), decode(md5(n::text) || md5((-n)::text), 'hex'), now()
         FROM generate_series(1, {ROWS}) AS n"
    );
    sqlx::query(AssertSqlSafe(sql)).execute(&server.app.db).await.expect("rows");
}

#[tokio::test]
async fn an_index_on_many_rows_is_built_while_the_server_writes_to_them() {
    let server = TestServer::start().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    fill(&server).await;
    // Somebody who has written and takes time: whoever wants the table alone waits, and everybody behind them.
    let mut slow = PgConnection::connect_with(&server.database).await.expect("the database answers");
    let mut transaction = slow.begin().await.expect("a transaction");
    sqlx::query("UPDATE used_jtis SET expires_at = now() WHERE jti_hash = (SELECT jti_hash FROM used_jtis ORDER BY jti_hash LIMIT 1)")
        .execute(&mut *transaction)
        .await
        .expect("a row");
    let (migrator, version) = with_one_more(INDEX);
    let migrating = schema::apply(&server.app.db, &migrator);
    let serving = async {
        until("the index is being built", async || {
            server.count("SELECT count(*) FROM pg_class WHERE relname = 'used_jtis_next'").await == 1
        })
        .await;
        for _ in 0..20 {
            let proof = key.proof("/oauth/device-authorization");
            assert_eq!(start_with(&tv, &[&proof]).await.status, 200);
        }
        let unfinished =
            "SELECT count(*) FROM pg_index WHERE indexrelid = 'used_jtis_next'::regclass AND NOT indisvalid";
        assert_eq!(server.count(unfinished).await, 1, "it was not finished in the meantime");
        transaction.commit().await.expect("it ends");
    };
    let (migrated, ()) = tokio::join!(migrating, serving);
    migrated.expect("it is applied");
    let valid = "SELECT count(*) FROM pg_index WHERE indexrelid = 'used_jtis_next'::regclass AND indisvalid";
    assert_eq!(server.count(valid).await, 1);
    // This server is the one before, and goes on.
    let state = schema::state(&server.app.db).await.expect("the database answers");
    assert_eq!(state, SchemaState::NewerButCompatible { version });
    assert_eq!(server.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn an_index_that_was_interrupted_is_built_anew() {
    let server = TestServer::start().await;
    server.execute("CREATE INDEX used_jtis_next ON used_jtis (expires_at)").await;
    let mut superuser = PgConnection::connect_with(&server.database).await.expect("the database answers");
    sqlx::query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'used_jtis_next'::regclass")
        .execute(&mut superuser)
        .await
        .expect("it is as after a crash");
    schema::apply(&server.app.db, &with_one_more(INDEX).0).await.expect("it is applied");
    let whole = "SELECT count(*) FROM pg_index WHERE indexrelid = 'used_jtis_next'::regclass AND indisvalid AND indnatts = 2";
    assert_eq!(server.count(whole).await, 1);
}

#[tokio::test]
async fn a_change_of_a_busy_table_is_tried_again_and_lets_others_pass_meanwhile() {
    let server = TestServer::start().await;
    let (tv, key) = (server.tv().await, DpopKey::new(&server));
    let mut slow = PgConnection::connect_with(&server.database).await.expect("the database answers");
    let mut transaction = slow.begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE used_jtis IN ROW EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await
        .expect("a lock");
    let (migrator, version) = with_one_more("ALTER TABLE used_jtis ADD COLUMN next int;");
    let migrating = schema::apply(&server.app.db, &migrator);
    let serving = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE used_jtis%'";
        until("the change waits for the table", async || server.count(waits).await > 0).await;
        until("it lets others pass", async || server.count(waits).await == 0).await;
        let proof = key.proof("/oauth/device-authorization");
        assert_eq!(start_with(&tv, &[&proof]).await.status, 200);
        transaction.commit().await.expect("it ends");
    };
    let (migrated, ()) = tokio::join!(migrating, serving);
    migrated.expect("it is applied");
    // It names no older program.
    let state = schema::state(&server.app.db).await.expect("the database answers");
    assert_eq!(state, SchemaState::Newer { version });
}
