//! What keeps a command from the database of `database.url`, as a sentence that says what to do.

use std::io::ErrorKind;

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgConnectOptions;

use crate::store::hosts::{self, Trouble};
use crate::store::schema::SchemaState;

/// Why none of the hosts of `database.url` can be used.
pub(super) fn finding(troubles: &[(PgConnectOptions, Trouble)]) -> String {
    let sentences = troubles.iter().map(|(options, trouble)| match trouble {
        Trouble::Unreachable(error) => connecting(error, options),
        Trouble::ReadOnly => format!(
            "PostgreSQL at {} is read-only (a standby, or set so): promote it, or add the host of the \
             primary to database.url (postgres://user@host1,host2/database)",
            hosts::place(options)
        ),
    });
    sentences.collect::<Vec<_>>().join("; ")
}

/// Why no connection could be opened.
fn connecting(error: &sqlx::Error, options: &PgConnectOptions) -> String {
    let (user, database) = (options.get_username(), options.get_database());
    let database = database.unwrap_or(user);
    let place = hosts::place(options);
    match error {
        sqlx::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => format!(
            "no PostgreSQL listens at {place}: start it, or set database.url to the host and port where it listens"
        ),
        sqlx::Error::Io(error) if error.kind() == ErrorKind::TimedOut => format!(
            "PostgreSQL at {place} did not respond in time: check host and port in database.url, and the \
             firewall"
        ),
        sqlx::Error::Io(error) => {
            format!("PostgreSQL cannot be reached at {place}: {error}; check host and port in database.url")
        }
        sqlx::Error::Tls(error) => {
            format!(
                "TLS with PostgreSQL at {place} failed: {error}; check sslmode and sslrootcert in \
                 database.url"
            )
        }
        sqlx::Error::Database(answer) => match answer.code().as_deref() {
            Some("28P01") => format!(
                "PostgreSQL at {place} rejects the password of the user {user}: correct it in database.url"
            ),
            Some("28000") => format!(
                "PostgreSQL at {place} does not allow the user {user} to connect ({}): create the user, \
                 allow it in pg_hba.conf, or correct database.url",
                answer.message()
            ),
            Some("3D000") => format!(
                "PostgreSQL at {place} has no database {database}: create it with \
                 `CREATE DATABASE {database} OWNER {user}`, or correct database.url"
            ),
            _ => format!("PostgreSQL at {place} refuses the connection: {}", answer.message()),
        },
        other => format!("the server at {place} is not PostgreSQL: {other}; check database.url"),
    }
}

/// Why the schema cannot be used as it is. `None` if it can.
pub(super) fn schema(state: SchemaState) -> Option<String> {
    match state {
        SchemaState::Current | SchemaState::NewerButCompatible { .. } => None,
        SchemaState::Empty => Some(
            "the database is empty: run `latchkey migrate` to create the tables, or set \
             database.migrate_on_start = true for `latchkey serve`"
                .to_owned(),
        ),
        SchemaState::Behind => Some(
            "the database schema is out of date: run `latchkey migrate` or set database.migrate_on_start = \
             true for `latchkey serve`"
                .to_owned(),
        ),
        SchemaState::Newer { version } => Some(format!(
            "the database schema is newer than this Latchkey {}, which does not know migration {version}: \
             run the version that applied it, or a newer one",
            env!("CARGO_PKG_VERSION")
        )),
    }
}

/// What is wrong with a pooler that loses prepared statements.
pub(super) fn old_pooler(options: &PgConnectOptions) -> String {
    format!(
        "the pooler at {} pools by transaction and loses prepared statements: use PgBouncer 1.21 or newer with \
         max_prepared_statements above 0 (200 is a good value), or set pool_mode = session there, or name PostgreSQL \
         itself in database.url",
        hosts::place(options)
    )
}

/// Why the schema was not brought up to date.
pub(super) fn migrating(error: &MigrateError) -> String {
    // Another server may have been newer, and quicker.
    if let MigrateError::VersionMissing(version) = error {
        return schema(SchemaState::Newer { version: *version }).unwrap_or_default();
    }
    let answer = match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.as_database_error(),
        _ => None,
    };
    match answer.and_then(|answer| Some((answer.code()?, answer.message()))) {
        Some((code, message)) if code == "42501" => format!(
            "the database user cannot create tables ({message}): make it the owner with `ALTER DATABASE \
             name OWNER TO user`"
        ),
        Some((code, _)) if code == "55P03" => {
            "the database schema was not migrated: another session held a lock for too long; find it in \
             pg_stat_activity by xact_start, end it, and run `latchkey migrate` again"
                .to_owned()
        }
        _ => format!("the database schema was not migrated: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_database_is_named_with_the_remedy() {
        let options: PgConnectOptions = "postgres://ada@db.example:6543/videos".parse().unwrap();
        for (kind, remedy) in [
            (ErrorKind::ConnectionRefused, "no PostgreSQL listens at db.example:6543: start it"),
            (ErrorKind::TimedOut, "PostgreSQL at db.example:6543 did not respond in time"),
            (ErrorKind::Other, "PostgreSQL cannot be reached at db.example:6543"),
        ] {
            let said = connecting(&sqlx::Error::Io(kind.into()), &options);
            assert!(said.starts_with(remedy) && said.contains("database.url"), "{said}");
        }
    }

    #[test]
    fn every_schema_but_the_current_one_has_a_remedy() {
        assert_eq!(schema(SchemaState::Current), None);
        assert_eq!(schema(SchemaState::NewerButCompatible { version: 7 }), None);
        for (state, remedy) in [
            (SchemaState::Empty, "run `latchkey migrate`"),
            (SchemaState::Behind, "run `latchkey migrate`"),
            (SchemaState::Newer { version: 7 }, "run the version that applied it"),
        ] {
            let said = schema(state).unwrap();
            assert!(said.contains(remedy), "{said}");
        }
    }
}
