//! The schema: applies `migrations/` in order, while servers are running.
//!
//! - A migration that changes a table waits only briefly for its lock, since everyone else waits behind it; then it is
//!   tried again.
//! - An index on a table that exists already is built by a migration of its own that begins with `-- no-transaction` and is
//!   one `CREATE INDEX CONCURRENTLY IF NOT EXISTS`. What an interrupted attempt has left of it is dropped first.
//! - A migration that the previous release can run on says so: `-- oldest program: 20261130000000` names the newest
//!   migration of the oldest program that runs on what it makes. Such programs are not refused, so that servers can be
//!   upgraded one after the other, and back.

use std::time::Duration;

use sqlx::migrate::{AppliedMigration, Migrate, MigrateError, Migration, Migrator};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio::time::sleep;

use super::db::Db;
use super::tenant_transactions;

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Where the migrator notes what was applied.
const TABLE: &str = "_sqlx_migrations";
/// What begins the line of a migration that names the oldest program.
const OLDEST_PROGRAM: &str = "-- oldest program:";
/// How long a migration waits for a lock; everyone behind it waits as long.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '2s'";
/// Building an index concurrently waits for all users of the table, and no one waits behind it.
const NO_LOCK_TIMEOUT: &str = "SET lock_timeout = 0";
/// The pause before the next attempt: time for those who had to wait.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The number of attempts to get a lock.
const ATTEMPTS: u32 = 100;
/// How often to look whether another server has finished.
const TURN_PAUSE: Duration = Duration::from_millis(100);

/// Brings the schema up to date, and creates the role of [`tenant_transactions`] if that is allowed. Several servers may
/// start together: one works while the others wait, and then find nothing left to do.
pub async fn migrate(pool: &Db) -> Result<(), MigrateError> {
    apply(pool, &MIGRATOR).await?;
    let made = tenant_transactions::make_role(pool).await;
    made.map_err(|error| MigrateError::Execute(sqlx::Error::AnyDriverError(Box::new(error))))
}

/// Applies the migrations that are missing.
pub async fn apply(pool: &Db, migrator: &Migrator) -> Result<(), MigrateError> {
    // Its session settings must not come back to the pool.
    let mut connection = PgPool::acquire(pool).await?.detach();
    let outcome = apply_over(&mut connection, migrator).await;
    // The lock goes with it, too.
    let _ = connection.close().await;
    outcome
}

async fn apply_over(connection: &mut PgConnection, migrator: &Migrator) -> Result<(), MigrateError> {
    connection.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0").await?;
    await_turn(connection).await?;
    connection.ensure_migrations_table(TABLE).await?;
    let applied = connection.list_applied_migrations(TABLE).await?;
    if let Some(unknown) = applied.iter().find(|one| !migrator.version_exists(one.version)) {
        return Err(MigrateError::VersionMissing(unknown.version));
    }
    for migration in migrator.iter().filter(|one| !one.migration_type.is_down_migration()) {
        match applied.iter().find(|one| one.version == migration.version) {
            Some(AppliedMigration { checksum, .. }) if *checksum == migration.checksum => {}
            Some(_) => return Err(MigrateError::VersionMismatch(migration.version)),
            None => apply_one(connection, migration).await?,
        }
    }
    let oldest = oldest_program(migrator.iter());
    let sql = format!("COMMENT ON TABLE {TABLE} IS '{OLDEST_PROGRAM} {oldest}'");
    connection.execute(AssertSqlSafe(sql)).await?;
    Ok(())
}

/// Waits until no other server migrates. It looks again and again: one that waited in a statement would be waited for by
/// an index that is built concurrently.
async fn await_turn(connection: &mut PgConnection) -> sqlx::Result<()> {
    let sql = "SELECT pg_try_advisory_lock(hashtext('latchkey migrations'))";
    while !sqlx::query_scalar::<_, bool>(sql).fetch_one(&mut *connection).await? {
        sleep(TURN_PAUSE).await;
    }
    Ok(())
}

async fn apply_one(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrateError> {
    for attempt in 1.. {
        if migration.no_tx {
            connection.execute(NO_LOCK_TIMEOUT).await?;
            drop_unfinished_indexes(connection, migration).await?;
        } else {
            connection.execute(LOCK_TIMEOUT).await?;
        }
        match connection.apply(TABLE, migration).await {
            Err(error) if attempt < ATTEMPTS && is_about_locks(&error) => {
                tracing::info!(
                    version = migration.version,
                    attempt,
                    "migration waits for a lock; will retry"
                );
                sleep(RETRY_PAUSE).await;
            }
            outcome => {
                let took = outcome?.as_millis();
                tracing::info!(version = migration.version, duration_ms = took, "migration applied");
                break;
            }
        }
    }
    Ok(())
}

/// Drops what is left of the indexes of this migration where building them was interrupted.
async fn drop_unfinished_indexes(connection: &mut PgConnection, migration: &Migration) -> sqlx::Result<()> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE NOT i.indisvalid AND c.relnamespace = to_regnamespace(current_schema()::text)",
    )
    .fetch_all(&mut *connection)
    .await?;
    for name in names.iter().filter(|name| is_named_in(migration.sql.as_str(), name)) {
        let sql = format!("DROP INDEX CONCURRENTLY IF EXISTS \"{name}\"");
        connection.execute(AssertSqlSafe(sql)).await?;
    }
    Ok(())
}

fn is_named_in(sql: &str, name: &str) -> bool {
    sql.split(|character: char| !character.is_alphanumeric() && character != '_').any(|word| word == name)
}

/// A lock was not available in time (55P03), or there was a deadlock (40P01).
fn is_about_locks(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return false;
    };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["55P03", "40P01"].contains(&&*code))
}

/// The newest migration of the oldest program that runs on the schema which these migrations make.
fn oldest_program<'a>(migrations: impl Iterator<Item = &'a Migration>) -> i64 {
    let named = |migration: &Migration| {
        let mut lines = migration.sql.as_str().lines();
        let named = lines.find_map(|line| line.strip_prefix(OLDEST_PROGRAM)?.trim().parse().ok());
        named.unwrap_or(migration.version)
    };
    migrations.map(named).max().unwrap_or_default()
}

/// How the schema of a database compares with the migrations that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaState {
    Empty,
    Behind,
    /// Exactly the known migrations were applied.
    Current,
    /// A migration was applied that this program does not know but is compatible with.
    NewerButCompatible {
        /// The newest of those.
        version: i64,
    },
    /// A migration was applied that this program does not know.
    Newer {
        /// The newest of those.
        version: i64,
    },
}

/// Whether every migration this program knows was applied to the database.
pub async fn is_current(pool: &Db) -> super::Result<bool> {
    Ok(!matches!(state(pool).await?, SchemaState::Empty | SchemaState::Behind))
}

/// Reads the state of the schema.
pub async fn state(pool: &Db) -> super::Result<SchemaState> {
    let known: Vec<i64> = MIGRATOR.iter().map(|migration| migration.version).collect();
    let table_exists =
        sqlx::query_scalar!(r#"SELECT to_regclass('_sqlx_migrations') IS NOT NULL AS "exists!""#)
            .fetch_one(pool)
            .await?;
    if !table_exists {
        return Ok(SchemaState::Empty);
    }
    // Not checked at compile time: the migrator makes this table, no migration of ours does.
    let applied: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success").fetch_all(pool).await?;
    let comment: Option<String> =
        sqlx::query_scalar("SELECT obj_description(to_regclass('_sqlx_migrations'), 'pg_class')")
            .fetch_one(pool)
            .await?;
    let oldest = comment.and_then(|comment| comment.strip_prefix(OLDEST_PROGRAM)?.trim().parse().ok());
    Ok(compare(&known, &applied, oldest))
}

/// The rule. `oldest` is the newest migration of the oldest program that runs on the schema, if that is known.
fn compare(known: &[i64], applied: &[i64], oldest: Option<i64>) -> SchemaState {
    let newer = applied.iter().filter(|version| !known.contains(version)).max();
    let all_applied = known.iter().all(|version| applied.contains(version));
    let is_old_enough = || known.iter().max() >= oldest.as_ref() && oldest.is_some();
    match newer {
        Some(version) if all_applied && is_old_enough() => {
            SchemaState::NewerButCompatible { version: *version }
        }
        Some(version) => SchemaState::Newer { version: *version },
        None if applied.is_empty() => SchemaState::Empty,
        None if all_applied => SchemaState::Current,
        None => SchemaState::Behind,
    }
}

#[cfg(test)]
mod tests {
    use sqlx::SqlSafeStr;
    use sqlx::migrate::MigrationType;

    use super::*;

    #[test]
    fn applied_migrations_are_compared_with_the_known_ones() {
        for (applied, oldest, expected) in [
            (&[][..], None, SchemaState::Empty),
            (&[1], Some(1), SchemaState::Behind),
            (&[2, 1], Some(2), SchemaState::Current),
            (&[1, 2, 4, 3], None, SchemaState::Newer { version: 4 }),
            (&[1, 2, 4, 3], Some(3), SchemaState::Newer { version: 4 }),
            (&[1, 2, 4, 3], Some(2), SchemaState::NewerButCompatible { version: 4 }),
            (&[1, 2, 3], Some(1), SchemaState::NewerButCompatible { version: 3 }),
            // It would have to migrate first, and cannot.
            (&[1, 3], Some(1), SchemaState::Newer { version: 3 }),
        ] {
            assert_eq!(compare(&[1, 2], applied, oldest), expected, "{applied:?} {oldest:?}");
        }
    }

    fn migration(version: i64, sql: &'static str) -> Migration {
        Migration::new(version, "one".into(), MigrationType::Simple, sql.into_sql_str(), false)
    }

    #[test]
    fn a_schema_runs_programs_that_can_live_with_all_that_was_made() {
        let first = migration(1, "CREATE TABLE a (b int);");
        let harmless = migration(2, "-- An index.\n-- oldest program: 1\nCREATE INDEX …;");
        let breaking = migration(3, "DROP TABLE a;");
        let later = migration(4, "-- oldest program: 3\nCREATE TABLE c (d int);");
        for (migrations, oldest) in [
            (vec![&first], 1),
            (vec![&first, &harmless], 1),
            (vec![&first, &harmless, &breaking], 3),
            (vec![&first, &harmless, &breaking, &later], 3),
        ] {
            assert_eq!(oldest_program(migrations.into_iter()), oldest);
        }
    }

    #[test]
    fn an_index_belongs_to_the_migration_that_names_it() {
        let sql = "CREATE INDEX CONCURRENTLY IF NOT EXISTS devices_by_day ON devices (day)";
        assert!(is_named_in(sql, "devices_by_day"));
        assert!(!is_named_in(sql, "devices_by") && !is_named_in(sql, "by_day"));
    }
}
