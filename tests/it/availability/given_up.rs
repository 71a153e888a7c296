//! The database stalls, and requests are given up at every stage. Repeated, each gets what it would have got.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use latchkey::config::Config;
use latchkey::store::db::Db;
use latchkey::store::{connections, transactions};
use sqlx::{Connection, PgConnection};

use super::{in_earnest, must_be_unavailable};
use crate::support::patience::PATIENCE;
use crate::support::{Answer, Device, Link, Person, Started, TestServer, database, until};

const OFFLINE: &str = "openid offline_access";
const DEVICES: usize = 8;
/// Longer than an exchange may be repeated without a reason.
const LATER: f64 = 61.0;
/// How long everything takes on its way, so that there is time to lose an answer whose statement was carried out.
const DISTANCE: Duration = Duration::from_millis(200);

/// The exchanges that wait for rows.
const STALLED: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                       AND wait_event_type = 'Lock' AND query LIKE 'WITH asked%'";

/// A server, its link to the database, and a connection beside it.
struct Stage {
    link: Link,
    server: TestServer,
    direct: PgConnection,
    tv: Device,
    ada: Person,
}

impl Stage {
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let options = database::create().await;
        let direct = PgConnection::connect_with(&options).await.expect("the database answers");
        let (link, server) = TestServer::behind_a_link_to(&options, change).await;
        let (tv, ada) = (server.tv().await, server.ada().await);
        Self { link, server, direct, tv, ada }
    }

    async fn connect_all(&self) -> Vec<String> {
        let mut tokens = Vec::new();
        for _ in 0..DEVICES {
            tokens.push(self.tv.connect(&self.ada, OFFLINE).await.string("refresh_token"));
        }
        tokens
    }

    async fn count(&mut self, sql: &'static str) -> i64 {
        count(&mut self.direct, sql).await
    }

    /// Lets everything take its time from now on, with all connections open.
    async fn move_away(&self) {
        connections::open_all(&self.server.app.db).await;
        self.link.delay(DISTANCE);
    }

    /// Goes dark once the database shows that `asking` was carried out, while the answers are on their way; and comes
    /// back when all are answered. Where they were faster, nothing is lost.
    async fn lose<T>(&mut self, asking: impl Future<Output = T>, is_done: &'static str) -> T {
        let answered = Cell::new(false);
        let asking = async {
            let answers = asking.await;
            answered.set(true);
            answers
        };
        let (link, direct) = (&self.link, &mut self.direct);
        let darkening = async {
            until("something is done", async || answered.get() || count(direct, is_done).await > 0).await;
            link.go_dark();
        };
        let (answers, ()) = tokio::join!(asking, darkening);
        self.link.delay(Duration::ZERO);
        self.link.come_back_on_new_paths();
        answers
    }

    /// Nobody was taken for a thief.
    async fn must_have_no_thefts(&mut self, devices: usize) {
        let live = self.count("SELECT count(*) FROM devices WHERE revoked_at IS NULL").await;
        assert_eq!(usize::try_from(live), Ok(devices));
        let revoked = "SELECT count(*) FROM audit_events WHERE action = 'token_family.revoked'";
        assert_eq!(self.count(revoked).await, 0);
    }
}

async fn count(direct: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(direct).await.expect("a count")
}

/// Repeats what was answered 503, until it is answered.
async fn repeated(answer: Answer, again: impl AsyncFn() -> Answer) -> Answer {
    let mut answer = answer;
    until("the database is well", async || {
        if answer.status == 503 {
            answer = again().await;
        }
        answer.status != 503
    })
    .await;
    answer
}

#[tokio::test]
async fn refreshes_are_repeated_whatever_the_network_has_lost() {
    let mut stage = Stage::with(in_earnest).await;
    let tokens = stage.connect_all().await;
    stage.move_away().await;
    let tv = stage.tv.clone();
    let asking = join_all(tokens.iter().map(|token| tv.refresh(token)));
    let answers = stage.lose(asking, "SELECT count(*) FROM devices WHERE generation > 1").await;
    stage.server.clock.advance(LATER);
    for (token, answer) in tokens.iter().zip(answers) {
        let answer = repeated(answer, async || stage.tv.refresh(token).await).await;
        let next = answer.must_be_tokens().string("refresh_token");
        stage.tv.refresh(&next).await.must_be_tokens();
    }
    stage.must_have_no_thefts(DEVICES).await;
}

#[tokio::test]
async fn collections_are_repeated_whatever_the_network_has_lost() {
    let mut stage = Stage::with(in_earnest).await;
    let mut codes: Vec<Started> = Vec::new();
    for _ in 0..DEVICES {
        let started = stage.tv.start(OFFLINE).await;
        stage.ada.approve(&started.user_code).await;
        codes.push(started);
    }
    stage.move_away().await;
    let tv = stage.tv.clone();
    let asking = join_all(codes.iter().map(|started| tv.poll(started)));
    let answers = stage.lose(asking, "SELECT count(*) FROM devices").await;
    stage.server.clock.advance(LATER);
    for (started, answer) in codes.iter().zip(answers) {
        let answer = repeated(answer, async || stage.tv.poll(started).await).await;
        let token = answer.must_be_tokens().string("refresh_token");
        stage.tv.refresh(&token).await.must_be_tokens();
    }
    stage.must_have_no_thefts(DEVICES).await;
}

#[tokio::test]
async fn what_was_answered_503_is_not_done_afterwards() {
    // Long waits for locks, but not for answers.
    let mut stage = Stage::with(|config| config.server.request_timeout_seconds = 2).await;
    let tokens = stage.connect_all().await;
    let (last, stalled) = tokens.split_last().expect("devices");
    let mut holder = PgConnection::connect_with(&stage.server.database).await.expect("the database answers");
    sqlx::raw_sql("BEGIN; SELECT FROM devices FOR UPDATE")
        .execute(&mut holder)
        .await
        .expect("the rows are held");
    // Two statements are under way, and can be no more; what comes then waits behind them.
    let (first, behind) = stalled.split_at(2);
    let tv = &stage.tv;
    let mut beside = PgConnection::connect_with(&stage.server.database).await.expect("the database answers");
    let direct = &mut stage.direct;
    let second = async {
        until("a statement waits", async || count(&mut beside, STALLED).await == 1).await;
        tv.refresh(&first[1]).await
    };
    let others = async {
        until("two statements wait", async || count(direct, STALLED).await == 2).await;
        join_all(behind.iter().map(|token| tv.refresh(token))).await
    };
    let (first, second, others) = tokio::join!(tv.refresh(&first[0]), second, others);
    for answer in others.iter().chain([&first, &second]) {
        must_be_unavailable(answer);
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.expect("the rows are free");
    // Whoever comes now comes after all that waited.
    let again = async || stage.tv.refresh(last).await;
    repeated(again().await, again).await.must_be_tokens();
    let exchanged = "SELECT count(*) FROM devices WHERE generation > 1";
    until("what was sent is done", async || count(&mut stage.direct, exchanged).await == 3).await;
    stage.server.clock.advance(LATER);
    for token in stalled {
        let again = async || stage.tv.refresh(token).await;
        repeated(again().await, again).await.must_be_tokens();
    }
    assert_eq!(stage.count(exchanged).await, i64::try_from(DEVICES).expect("a few"));
    stage.must_have_no_thefts(DEVICES).await;
}

#[tokio::test]
async fn codes_that_nobody_was_told_go_and_count_against_nobody() {
    let mut stage = Stage::with(|config| {
        in_earnest(config);
        config.device_flow.max_pending_per_client_and_address = 2;
    })
    .await;
    stage.move_away().await;
    let tv = stage.tv.clone();
    let stored = "SELECT count(*) FROM device_authorizations";
    let asking = join_all((0..2).map(|_| tv.ask(&[("scope", "openid")])));
    let answers = stage.lose(asking, stored).await;
    let mut told = 0;
    for answer in answers {
        let answer = repeated(answer, async || stage.tv.ask(&[("scope", "openid")]).await).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        told += 1;
    }
    until("the others are gone", async || count(&mut stage.direct, stored).await == told).await;
}

/// The transactions that wait for their next statement.
const OPEN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                    AND state = 'idle in transaction'";

#[tokio::test]
async fn whoever_gives_up_while_a_transaction_begins_leaves_none_open() {
    let mut stage = Stage::with(in_earnest).await;
    stage.move_away().await;
    let db = stage.server.app.db.clone();
    let all = db.options().get_max_connections();
    // Each has begun, and its answer is on the way.
    let beginning = join_all((0..all).map(|_| transactions::begin(&db, "BEGIN")));
    let direct = &mut stage.direct;
    let begun = until("transactions begin", async || count(direct, OPEN).await > 0);
    tokio::select! {
        _ = beginning => {}
        () = begun => {}
    }
    stage.link.delay(Duration::ZERO);
    until("none is open", async || count(&mut stage.direct, OPEN).await == 0).await;
    // What is answered is stored, whatever the connection.
    for _ in 0..2 * all {
        stage.tv.start("openid").await;
    }
    let stored = stage.count("SELECT count(*) FROM device_authorizations").await;
    assert_eq!(stored, i64::from(2 * all));
}

#[tokio::test]
async fn a_transaction_that_does_not_begin_costs_its_connection_and_no_other() {
    let options = database::create_empty().await;
    let pool = || database::pool(options.clone(), PATIENCE);
    let (db, other) = (pool(), pool());
    let pid = async |db: &Db| -> i32 {
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(db).await.expect("the database answers")
    };
    let elsewhere = pid(&other).await;
    let (first, second) = (db.acquire().await.expect("a connection"), db.acquire().await.expect("another"));
    drop((first, second));
    until("both are back", async || db.num_idle() == 2).await;
    assert!(transactions::begin(&db, "BEGIN; SELECT 1 / 0").await.is_err());
    until("the one is closed", async || (db.size(), db.num_idle()) == (1, 1)).await;
    pid(&db).await;
    until("it is back", async || db.num_idle() == 1).await;
    assert_eq!(db.size(), 1, "the other one was used");
    assert_eq!(pid(&other).await, elsewhere);
}

#[tokio::test]
async fn a_connection_in_a_failed_transaction_is_not_used_for_long() {
    let stage = Stage::with(in_earnest).await;
    let db = stage.server.app.db.clone();
    // Nobody should do this; should somebody do it all the same, it heals.
    for _ in 0..db.options().get_max_connections() {
        let mut connection = db.acquire().await.expect("a connection");
        let _ = sqlx::raw_sql("BEGIN; SELECT 1 / 0").execute(&mut *connection).await;
    }
    until("starts are answered again", async || stage.tv.ask(&[("scope", "openid")]).await.status == 200)
        .await;
    for _ in 0..10 {
        stage.tv.start("openid").await;
    }
}
