//! The database goes away and comes back: nobody is told anything final, and nothing is lost.

mod batches;
mod darkness;
mod frozen_server;
mod given_up;
mod stop;

use latchkey::config::Config;
use latchkey::model::client::AuthMethod;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::device::send;
use crate::support::{Answer, TestServer};

/// Cuts the server off from its database, or lets it back.
pub async fn database_takes_connections(server: &TestServer, allowed: bool) {
    let name = server.database.get_database().expect("the test's database has a name").to_owned();
    let options = server.database.clone().database("postgres");
    let mut admin = PgConnection::connect_with(&options).await.expect("the database server answers");
    let sql = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await.expect("connections are allowed or not");
    if !allowed {
        sqlx::query("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1")
            .bind(name)
            .execute(&mut admin)
            .await
            .expect("connections are ended before this returns");
    }
}

/// The time limits that servers have by default; those of most tests are longer.
fn in_earnest(config: &mut Config) {
    config.database.acquire_timeout_milliseconds = 3_000;
    config.database.lock_timeout_milliseconds = 3_000;
    config.database.statement_timeout_milliseconds = 8_000;
    config.database.idle_in_transaction_timeout_milliseconds = 5_000;
}

#[track_caller]
fn must_be_unavailable(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(answer.must_be_an_oauth_body().error(), "temporarily_unavailable");
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{answer:?}");
}

#[tokio::test]
async fn a_device_is_asked_to_come_again_and_finds_everything_as_it_was() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (pending, approved) = (tv.start("openid").await, tv.start("openid offline_access").await);
    let connected = tv.connect(&ada, "openid offline_access").await;
    ada.approve(&approved.user_code).await;
    database_takes_connections(&server, false).await;
    for _ in 0..3 {
        // A device that waits must not stop for our trouble.
        tv.poll(&pending).await.must_be_error("authorization_pending");
        server.clock.advance(6.0);
        must_be_unavailable(&tv.poll(&approved).await);
        must_be_unavailable(&tv.ask(&[("scope", "openid")]).await);
        must_be_unavailable(&tv.refresh(&connected.string("refresh_token")).await);
    }
    database_takes_connections(&server, true).await;
    tv.poll(&pending).await.must_be_error("authorization_pending");
    tv.poll(&approved).await.must_be_tokens();
    tv.refresh(&connected.string("refresh_token")).await.must_be_tokens();
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 3);
}

#[tokio::test]
async fn connections_that_the_network_has_cut_are_replaced_without_anybody_noticing() {
    let (link, server) = TestServer::behind_a_link(|_| ()).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    link.cut();
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn lost_connections_are_replaced_without_anybody_noticing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    database_takes_connections(&server, false).await;
    database_takes_connections(&server, true).await;
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_client_that_cannot_be_looked_up_is_not_called_unknown() {
    let server = TestServer::start().await;
    let method = AuthMethod::ClientSecretBasic;
    let device = server.client("box", "openid", |client| client.auth_method = method).await;
    database_takes_connections(&server, false).await;
    must_be_unavailable(&device.ask(&[]).await);
    must_be_unavailable(&device.poll_code("lkd_x", &[]).await);
    must_be_unavailable(&server.get("/oauth/jwks").await);
    must_be_unavailable(&server.get("/.well-known/oauth-authorization-server").await);
    must_be_unavailable(&server.get("/t/acme/.well-known/openid-configuration").await);
}

#[tokio::test]
async fn keys_that_were_published_stay_so() {
    let server = TestServer::start().await;
    let before = server.get("/oauth/jwks").await;
    database_takes_connections(&server, false).await;
    let meanwhile = server.get("/oauth/jwks").await;
    assert_eq!((meanwhile.status.as_u16(), &meanwhile.text), (200, &before.text));
}

#[tokio::test]
async fn a_browser_gets_a_page_that_says_so() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    database_takes_connections(&server, false).await;
    for path in ["/device", "/sign-in", "/device/consent"] {
        let page = ada.visit(path).await;
        assert_eq!(page.status, 503, "{page:?}");
        assert!(page.headers.contains_key("retry-after"), "{page:?}");
        assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    }
    database_takes_connections(&server, true).await;
    assert!(ada.visit("/device").await.says("Sign out"));
}

#[tokio::test]
async fn the_process_stays_alive_but_is_not_ready() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/health/ready").await.status, 200);
    database_takes_connections(&server, false).await;
    assert_eq!(server.get("/health/live").await.status, 200);
    let waiting = server.get("/health/ready").await;
    assert_eq!(waiting.status, 503, "{waiting:?}");
    // What is wrong with the database is for the log.
    for detail in ["latchkey_test", "postgres", "connection"] {
        assert!(!waiting.text.contains(detail), "{waiting:?}");
    }
    database_takes_connections(&server, true).await;
    assert_eq!(server.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn a_server_whose_schema_is_not_current_is_not_ready() {
    let server = TestServer::start().await;
    server.execute("DELETE FROM _sqlx_migrations").await;
    assert_eq!(server.get("/health/ready").await.status, 503);
}

#[tokio::test]
async fn all_connections_taken_is_no_reason_to_give_up_either() {
    let patient = TestServer::start().await;
    let impatient = patient.replica_with(|config| config.database.acquire_timeout_milliseconds = 200).await;
    let (tv, ada) = (patient.tv().await, patient.ada().await);
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    let db = &impatient.app.db;
    let mut taken = Vec::new();
    while db.size() < db.options().get_max_connections() || db.num_idle() > 0 {
        // On a busy machine one may take longer to open than this server waits.
        taken.extend(db.acquire().await);
    }
    // The server's own work gives connections back; whoever asked first gets them.
    let take_all = async {
        loop {
            taken.extend(db.acquire().await);
        }
    };
    tokio::select! {
        biased;
        () = take_all => {}
        () = async {
            must_be_unavailable(&tv.at(&impatient.base).poll(&started).await);
            must_be_unavailable(&tv.at(&impatient.base).ask(&[]).await);
        } => {}
    }
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_refusal_for_want_of_a_database_can_be_read_from_other_origins() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    database_takes_connections(&server, false).await;
    let request = tv.request("/oauth/token").header("origin", "https://tv.example");
    let answer = send(request.form(&[("grant_type", "refresh_token"), ("client_id", "tv")])).await;
    must_be_unavailable(&answer);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn no_token_is_called_good_or_bad_that_nobody_can_look_up() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let tokens = tv.connect(&ada, "openid offline_access").await;
    let (access, refresh) = (tokens.string("access_token"), tokens.string("refresh_token"));
    api.introspect(&access).await.must_be_active();
    tv.userinfo(&access).await.string("sub");
    database_takes_connections(&server, false).await;
    for token in [&access, &refresh] {
        must_be_unavailable(&api.introspect(token).await);
        must_be_unavailable(&tv.revoke(token).await);
    }
    must_be_unavailable(&tv.userinfo(&access).await);
    database_takes_connections(&server, true).await;
    // Nothing was revoked, for nobody was told so.
    api.introspect(&access).await.must_be_active();
    tv.refresh(&refresh).await.must_be_tokens();
}
