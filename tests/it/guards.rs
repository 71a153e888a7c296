//! The guards against guessing as the database stores them: across all servers, whatever happens concurrently.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use latchkey::model::attempt_budget::{Guard, Refill};
use latchkey::model::ids::TenantId;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::attempt_budgets::{self, FIRST_WAY, GivenBack, Guarded, Hold, SECOND_WAY};
use tokio::task::JoinSet;

use crate::support::{Page, TestServer};

const QUIET: Guard =
    Guard { name: "quiet", capacity: 5.0, refill: Refill::AfterQuiet(TimeDelta::minutes(10)) };
const STEADY: Guard =
    Guard { name: "steady", capacity: 10.0, refill: Refill::OneEach(TimeDelta::minutes(1)) };

const TENANT: TenantId = DEFAULT_TENANT;

fn hold(server: &TestServer, at: DateTime<Utc>, guards: Guarded) -> Hold {
    Hold { tenant: TENANT, id: server.app.random.uuid_v7(at), at, guards }
}

/// Reserves an attempt at a guard; how long it takes until there is room, if there is none.
async fn reserve(server: &TestServer, guard: Guard, at: DateTime<Utc>) -> Result<Hold, TimeDelta> {
    let hold = hold(server, at, Guarded::default().and(guard, "x", FIRST_WAY));
    let quotes = attempt_budgets::reserve(&server.app.db, &hold, &GivenBack::default()).await;
    let quotes = quotes.expect("the database answers");
    if quotes.way == FIRST_WAY { Ok(hold) } else { Err(quotes.waits[0].expect("a wait")) }
}

#[tokio::test]
async fn the_database_counts_wrong_attempts_as_the_model_does() {
    let server = TestServer::start().await;
    for guard in [QUIET, STEADY] {
        let (mut spending, mut at, mut refused) = (None, server.clock.now(), 0);
        for step in [
            0, 0, 0, 0, 0, 0, 59, 1, 1, 0, 0, 0, 0, 0, 600, 0, 30, 30, 599, 1, 1, 7, 7, 7, 7, 7, 7, -50, 60,
            599,
        ] {
            at += TimeDelta::seconds(step);
            let expected = guard.pay(spending, at);
            match reserve(&server, guard, at).await {
                Ok(hold) => {
                    attempt_budgets::charge(&server.app.db, &hold).await.expect("the database answers");
                    spending = Some(expected.expect("the model has room, too"));
                }
                Err(wait) => {
                    refused += 1;
                    assert_eq!(
                        Err(wait),
                        expected.map_err(|exhausted| exhausted.retry_after),
                        "{guard:?} {at}"
                    );
                }
            }
        }
        assert!(refused > 2, "{guard:?}");
    }
}

#[tokio::test]
async fn an_attempt_is_reserved_at_all_guards_of_one_way_or_at_none() {
    let server = TestServer::start().await;
    let at = server.clock.now();
    let one = Guard { name: "one", capacity: 1.0, ..QUIET };
    let ask = async |guards: Guarded| {
        let hold = hold(&server, at, guards);
        let quotes = attempt_budgets::reserve(&server.app.db, &hold, &GivenBack::default()).await;
        quotes.expect("the database answers").way
    };
    let both = || {
        Guarded::default()
            .and(QUIET, "own", FIRST_WAY | SECOND_WAY)
            .and(one, "first", FIRST_WAY)
            .and(one, "second", SECOND_WAY)
    };
    assert_eq!((ask(both()).await, ask(both()).await, ask(both()).await), (FIRST_WAY, SECOND_WAY, 0));
    // The third one has taken nothing: three of five are left.
    let own = || Guarded::default().and(QUIET, "own", FIRST_WAY);
    for expected in [FIRST_WAY, FIRST_WAY, FIRST_WAY, 0] {
        assert_eq!(ask(own()).await, expected);
    }
    // Where it is only asked, nothing is taken.
    let asked = Guarded::default().and(STEADY, "x", FIRST_WAY).and(one, "third", 0);
    assert_eq!((ask(asked).await, ask(Guarded::default().and(one, "third", FIRST_WAY)).await), (1, 1));
}

#[tokio::test]
async fn giving_back_twice_is_like_giving_back_once_and_gives_back_what_was_charged_unheard() {
    let server = TestServer::start().await;
    let at = server.clock.now();
    let mut wrong = Vec::new();
    for _ in 0..4 {
        let hold = reserve(&server, QUIET, at).await.expect("room");
        attempt_budgets::charge(&server.app.db, &hold).await.expect("the database answers");
        wrong.push(hold);
    }
    let open = reserve(&server, QUIET, at).await.expect("room");
    assert!(reserve(&server, QUIET, at).await.is_err());
    let mut back = GivenBack::default();
    back.add(QUIET.name, "x", open.id, false);
    back.add(QUIET.name, "x", wrong[0].id, false);
    for _ in 0..2 {
        attempt_budgets::give_back(&server.app.db, TENANT, &back, at).await.expect("the database answers");
    }
    for expected in [true, true, false] {
        assert_eq!(reserve(&server, QUIET, at).await.is_ok(), expected);
    }
}

#[tokio::test]
async fn two_hundred_guesses_at_once_at_two_servers_pass_no_budget() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let form: Arc<Page> = Arc::new(ada.visit("/device").await);
    let mut guesses = JoinSet::new();
    for number in 0..200 {
        let (ada, form) =
            (ada.at(if number % 2 == 0 { &server.base } else { &replica.base }), Arc::clone(&form));
        let guess = ["BBBB-BBBB", "CCCC-CCCC", "not a code"][number % 3];
        guesses.spawn(async move { ada.submit(&form, "/device", &[("user_code", guess)]).await.status });
    }
    let statuses = guesses.join_all().await;
    let count = |status: u16| statuses.iter().filter(|seen| seen.as_u16() == status).count();
    assert_eq!((count(400), count(429)), (5, 195), "{statuses:?}");
}
