//! `database.url`: what keeps a command from the database is said with the remedy.

use std::process::Command;

use super::process::{SharedDatabase, refusal, run};
use crate::support::plain;

fn refused(mut command: Command) -> String {
    command.env("LATCHKEY__SERVER__LISTEN", "127.0.0.1:0");
    command.env("LATCHKEY__DATABASE__ACQUIRE_TIMEOUT_MILLISECONDS", "300");
    let said = refusal(command);
    assert!(!said.contains("timed out") && !said.contains("at line"), "{said}");
    said
}

#[tokio::test]
async fn every_command_says_why_the_database_is_out_of_reach() {
    let database = SharedDatabase::new().await;
    let url = database.url();
    let other = |change: &dyn Fn(&mut url::Url)| {
        let mut url = url.clone();
        change(&mut url);
        url
    };
    let closed = other(&|url| {
        url.set_query(None);
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(1)).expect("a port");
    });
    let missing = other(&|url| url.set_path("no_such_database"));
    let stranger = other(&|url| url.set_username("no_such_user").expect("a user"));
    for (url, said) in [
        (&closed, "no PostgreSQL listens at 127.0.0.1:1: start it"),
        (&missing, "has no database no_such_database: create it with"),
        (&stranger, "no_such_user"),
    ] {
        for command in [&["serve"][..], &["migrate"], &["admin", "list-keys"]] {
            let mut command = database.latchkey(command);
            command.env("LATCHKEY__DATABASE__URL", url.as_str());
            let refused = refused(command);
            assert!(
                refused.contains(said) && refused.contains("database.url") || url == &missing,
                "{refused}"
            );
        }
    }
}

#[tokio::test]
async fn an_empty_or_newer_schema_is_reported_with_the_remedy() {
    let database = SharedDatabase::empty().await;
    let serve_and_list = [&["serve"][..], &["admin", "list-keys"]];
    for command in serve_and_list {
        let said = refused(database.latchkey(command));
        assert!(said.contains("the database is empty: run `latchkey migrate`"), "{said}");
    }
    assert!(run(database.latchkey(&["migrate"])).status.success());
    assert!(run(database.latchkey(&["admin", "list-keys"])).status.success());

    let newest = "SELECT max(version) FROM _sqlx_migrations";
    let (version,) = database.row::<(i64,)>(newest).await;
    database.execute("UPDATE _sqlx_migrations SET version = version + 1 WHERE version = (SELECT max(version) FROM _sqlx_migrations)").await;
    for command in [&["serve"][..], &["admin", "list-keys"], &["migrate"]] {
        let said = refused(database.latchkey(command));
        assert!(
            said.contains("newer than this Latchkey") && said.contains(&(version + 1).to_string()),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_server_runs_on_a_schema_one_release_newer_that_says_so() {
    let database = SharedDatabase::new().await;
    let add = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
               SELECT max(version) + 1, 'next', true, '', 0 FROM _sqlx_migrations";
    database.execute(add).await;
    for migrate in ["false", "true"] {
        let served = database.serve_with(&[("LATCHKEY__DATABASE__MIGRATE_ON_START", migrate)]);
        let ready =
            plain::client().get(format!("{}/health/ready", served.base)).send().await.expect("an answer");
        assert_eq!(ready.status(), 200);
        assert!(served.stop(rustix::process::Signal::TERM).0.success());
    }
    let output = run(database.latchkey(&["migrate"]));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("database schema newer but compatible"), "{said}");
    // The next one cannot be lived with.
    database.execute("COMMENT ON TABLE _sqlx_migrations IS '-- oldest program: 99990101000000'").await;
    for command in [&["serve"][..], &["admin", "list-keys"], &["migrate"]] {
        let said = refused(database.latchkey(command));
        assert!(said.contains("newer than this Latchkey"), "{said}");
    }
}
