//! What the planner believes of a table is as old as the last ANALYZE. Whatever it believes of the states of sessions, a
//! login costs the rows that it is about: no statement of it reads an index from end to end because it is taken to hold
//! next to nothing.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::server::PASSWORD;
use crate::support::{Person, TestServer, until};

/// Sessions of others, all of them in a state that no session was in when the statistics were taken.
const OTHERS: i64 = 4_000;
const LOGINS: i64 = 8;

/// The state that all sessions of others are in, and none was when the statistics were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unseen {
    Approved,
    Pending,
}

/// Logs in again and again with plans of this kind; how many rows of each table, or entries of each index, were
/// read for it.
async fn rows_read(plans: &str, unseen: Unseen) -> Vec<(String, i64)> {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    tv.connect(&ada, "openid offline_access").await;
    for setting in [
        "ALTER TABLE device_authorizations SET (autovacuum_enabled = false)",
        "ALTER TABLE devices SET (autovacuum_enabled = false)",
    ] {
        server.execute(setting).await;
    }
    server
        .execute(
            "INSERT INTO device_authorizations (id, tenant_id, client_id, device_code_hash, user_code_mac, user_code_sealed,
                                          requested_scopes, created_at, expires_at, interval_seconds, ip_address)
             SELECT gen_random_uuid(), tenant_id, client_id, sha256(n::text::bytea), sha256(n::text::bytea), '',
                    requested_scopes, created_at, expires_at, interval_seconds, inet '10.0.0.0' + n
             FROM device_authorizations, generate_series(1, 4000) AS n",
        )
        .await;
    server.person("bob", &[]).await;
    if unseen == Unseen::Pending {
        server.execute("UPDATE device_authorizations SET state = 'denied' WHERE state = 'pending'").await;
    }
    server.execute("ANALYZE").await;
    let since = match unseen {
        Unseen::Approved => {
            "UPDATE device_authorizations s
             SET state = 'approved', decided_at = now(), granted_scopes = s.requested_scopes, auth_time = now(),
                 amr = '{pwd}', decided_by_user_id = u.id
             FROM users u WHERE s.state = 'pending' AND u.username = 'ada'"
        }
        Unseen::Pending => "UPDATE device_authorizations SET state = 'pending' WHERE state = 'denied'",
    };
    server.execute(since).await;
    // And as many devices of somebody whom the statistics know to have none.
    server
        .execute(
            "INSERT INTO devices (id, tenant_id, user_id, client_id, name, metadata, created_at, updated_at,
                                  last_login_at, last_seen_at, granted_scopes, resources, auth_time, amr, expires_at,
                                  token_hash, exchanged_at, idle_expires_at)
             SELECT gen_random_uuid(), d.tenant_id, u.id, d.client_id, d.name, d.metadata, d.created_at,
                    d.updated_at, d.last_login_at, d.last_seen_at, d.granted_scopes, d.resources, d.auth_time, d.amr,
                    d.expires_at, sha256(n::text::bytea), d.exchanged_at, d.idle_expires_at
             FROM devices d, users u, generate_series(1, 4000) AS n WHERE u.username = 'bob'",
        )
        .await;
    let others = match unseen {
        Unseen::Approved => "SELECT count(*) FROM device_authorizations WHERE state = 'approved'",
        Unseen::Pending => "SELECT count(*) FROM device_authorizations WHERE state = 'pending'",
    };
    assert_eq!(server.count(others).await, OTHERS);
    let database = server.database.get_database().expect("a database of its own");
    let mut admin = PgConnection::connect_with(&server.database).await.expect("the database answers");
    let setting = format!("ALTER DATABASE {database} SET plan_cache_mode = {plans}");
    sqlx::query(AssertSqlSafe(setting)).execute(&mut admin).await.expect("a setting");
    quiet(&server, &mut admin).await;
    sqlx::query("SELECT pg_stat_reset()").execute(&mut admin).await.expect("the counts begin anew");
    // Its connections are new, with the setting.
    let server = server.replica().await;
    let tv = tv.at(&server.base);
    let ada = Person::new(&server.base, "ada", PASSWORD);
    for _ in 0..LOGINS {
        let started = tv.start("openid offline_access").await;
        tv.poll(&started).await.must_be_error("authorization_pending");
        ada.approve(&started.user_code).await;
        server.hear_all().await;
        let tokens = tv.poll(&started).await;
        tokens.must_be_tokens();
        tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    }
    quiet(&server, &mut admin).await;
    let read = "SELECT relname::text, coalesce(seq_tup_read, 0) FROM pg_stat_user_tables
                UNION ALL SELECT indexrelname::text, idx_tup_read FROM pg_stat_user_indexes";
    sqlx::query_as(read).fetch_all(&mut admin).await.expect("the counts")
}

/// Stops a server. What its connections have counted is told when they end; all but the one that listens, which reads no
/// table and listens on for as long as visitors may keep theirs.
async fn quiet(server: &TestServer, admin: &mut PgConnection) {
    server.stop();
    server.app.db.close().await;
    until("no connection is left", async || {
        let others = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%'";
        let left: i64 = sqlx::query_scalar(others).fetch_one(&mut *admin).await.expect("a count");
        left == 0
    })
    .await;
}

#[tokio::test]
async fn a_login_reads_its_own_rows_whatever_the_planner_believes() {
    for plans in ["force_generic_plan", "force_custom_plan"] {
        for unseen in [Unseen::Approved, Unseen::Pending] {
            // How many codes wait is counted now and then, not for each login.
            let read = rows_read(plans, unseen).await;
            let too_many: Vec<_> = read.iter().filter(|(_, rows)| *rows >= OTHERS * LOGINS / 2).collect();
            assert!(too_many.is_empty(), "{plans}, {unseen:?}: {too_many:?}");
        }
    }
}
