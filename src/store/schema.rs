//! The schema: `migrations/`, brought in order.

use sqlx::PgPool;
use sqlx::migrate::{MigrateError, Migrator};

use super::{connections, tenant_transactions};

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// Brings the schema up to date, and makes the role of [`tenant_transactions`] where that is allowed. Several servers may start together: an advisory lock lets one work while the
/// others wait, and then find nothing left to do.
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    let mut connection = connections::without_limits(pool).await?;
    MIGRATOR.run(&mut *connection).await?;
    Ok(tenant_transactions::make_role(pool).await?)
}

/// How the schema of a database compares with the migrations that this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// No migration was ever applied.
    Empty,
    /// Migrations are missing.
    Behind,
    /// Exactly the known migrations were applied.
    Current,
    /// A migration was applied that this program does not know.
    Newer {
        /// The newest of those.
        version: i64,
    },
}

/// Whether every migration this program knows was applied to the database.
pub async fn is_current(pool: &PgPool) -> super::Result<bool> {
    Ok(matches!(state(pool).await?, SchemaState::Current | SchemaState::Newer { .. }))
}

/// Reads the state of the schema.
pub async fn state(pool: &PgPool) -> super::Result<SchemaState> {
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
    Ok(compare(&known, &applied))
}

fn compare(known: &[i64], applied: &[i64]) -> SchemaState {
    let newer = applied.iter().filter(|version| !known.contains(version)).max();
    match newer {
        Some(version) => SchemaState::Newer { version: *version },
        None if applied.is_empty() => SchemaState::Empty,
        None if known.iter().all(|version| applied.contains(version)) => SchemaState::Current,
        None => SchemaState::Behind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applied_migrations_are_compared_with_the_known_ones() {
        for (applied, expected) in [
            (&[][..], SchemaState::Empty),
            (&[1], SchemaState::Behind),
            (&[2, 1], SchemaState::Current),
            (&[1, 2, 4, 3], SchemaState::Newer { version: 4 }),
            (&[1, 3], SchemaState::Newer { version: 3 }),
        ] {
            assert_eq!(compare(&[1, 2], applied), expected, "{applied:?}");
        }
    }
}
