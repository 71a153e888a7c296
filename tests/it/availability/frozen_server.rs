//! A server that freezes in the middle of a change, with rows that others need.

use std::time::Duration;

use latchkey::model::database_limits::Limits;
use latchkey::store::{connections, transactions};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::support::patience::PATIENCE;
use crate::support::{TestServer, database, until};

const OFFLINE: &str = "openid offline_access";

async fn direct(options: &PgConnectOptions) -> PgConnection {
    PgConnection::connect_with(options).await.expect("the database answers")
}

#[tokio::test]
async fn a_frozen_server_lets_go_of_what_others_need() {
    let frozen = TestServer::with(|config| {
        config.database.idle_in_transaction_timeout_milliseconds = 1_000;
    })
    .await;
    let second = frozen.replica_with(|config| config.database.lock_timeout_milliseconds = 500).await;
    let (tv, ada) = (second.tv().await, second.ada().await);
    let tv = tv.at(&second.base);
    let token = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    // What the frozen server was about to do.
    let mut deed = transactions::begin(&frozen.app.db, "BEGIN").await.expect("the database answers");
    sqlx::query("UPDATE devices SET name = 'frozen'").execute(&mut *deed).await.expect("it is done");
    until("the device is refreshed", async || {
        let answer = tv.refresh(&token).await;
        assert!([200, 503].contains(&answer.status.as_u16()), "{answer:?}");
        answer.status == 200
    })
    .await;
    // When it thaws, it cannot go on, and what it had done is undone.
    assert!(deed.commit().await.is_err());
    assert_eq!(second.count("SELECT count(*) FROM devices WHERE name = 'frozen'").await, 0);
    // The server itself goes on with another connection.
    assert_eq!(frozen.count("SELECT count(*) FROM devices WHERE revoked_at IS NULL").await, 1);
}

#[tokio::test]
async fn a_transaction_that_is_given_up_lets_go_of_its_rows() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    tv.connect(&ada, OFFLINE).await;
    // A request is given up in the middle of a statement of its transaction.
    let mut deed = transactions::begin(&server.app.db, "BEGIN").await.expect("the database answers");
    sqlx::query("UPDATE devices SET name = 'given up'").execute(&mut *deed).await.expect("it is done");
    let hanging = sqlx::query("SELECT pg_sleep(3600)").execute(&mut *deed);
    assert!(tokio::time::timeout(Duration::from_millis(10), hanging).await.is_err());
    drop(deed);
    let mut other = direct(&server.database).await;
    sqlx::query("UPDATE devices SET name = 'free'").execute(&mut other).await.expect("nobody holds the row");
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE name = 'free'").await, 1);
}

#[tokio::test]
async fn every_connection_that_serves_requests_has_limits() {
    let server = TestServer::with(|config| {
        config.database.idle_in_transaction_timeout_milliseconds = 61_000;
        config.database.lock_timeout_milliseconds = 62_000;
        config.database.statement_timeout_milliseconds = 0;
    })
    .await;
    let limits: Vec<String> = sqlx::query_scalar(
        "SELECT setting FROM pg_settings
         WHERE name IN ('idle_in_transaction_session_timeout', 'lock_timeout', 'statement_timeout') ORDER BY name",
    )
    .fetch_all(&server.app.db)
    .await
    .expect("the database answers");
    assert_eq!(limits, ["61000", "62000", "0"]);
    // They are the session's own, so nobody else has them.
    let mut other = server.database.connect().await.expect("the database answers");
    let others: String =
        sqlx::query_scalar("SHOW lock_timeout").fetch_one(&mut other).await.expect("a setting");
    assert_eq!(others, "0");
}

#[tokio::test]
async fn limits_that_a_pooler_does_not_pass_on_must_be_the_database_user_s_own_and_not_longer() {
    let seconds = Duration::from_secs;
    let limits = Limits { idle_in_transaction: seconds(5), lock: Duration::ZERO, statement: seconds(8) };
    let options = database::create_empty().await;
    let name = options.get_database().expect("the test's database has a name").to_owned();
    for (idle, statement, unkept) in [
        ("0", "0", &[("idle_in_transaction_session_timeout", 0), ("statement_timeout", 0)][..]),
        ("5s", "8001ms", &[("statement_timeout", 8_001)]),
        ("1min", "1s", &[("idle_in_transaction_session_timeout", 60_000)]),
        ("5s", "8s", &[]),
    ] {
        let sql = format!(
            "ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '{idle}';
             ALTER DATABASE {name} SET statement_timeout = '{statement}'"
        );
        let mut admin = direct(&options).await;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut admin).await.expect("they are set");
        // What sessions set for themselves is not asked.
        let db = database::pool_with(options.clone(), PATIENCE, limits);
        let found = connections::limits_over_own(&db, limits).await.expect("the database answers");
        let found: Vec<_> = found.iter().map(|limit| (limit.name, limit.is.as_millis())).collect();
        assert_eq!(found, unkept, "{idle} {statement}");
        // Without a pooler the session's own hold.
        assert_eq!(connections::unkept_limits(&db, limits).await.expect("the database answers"), []);
    }
}
