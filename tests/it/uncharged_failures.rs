//! What was answered 503 costs no guess: whichever connection breaks, at whichever statement, the right secret is taken
//! when it is entered again.

use serde_json::json;

use crate::support::device::send;
use crate::support::{Break, Page, Person, TestServer, Wire, until};

/// More than any deed has.
const MOST_TRIPS: u64 = 40;

/// The guards are as if nobody had tried anything, as soon as what was reserved is given back. The clock stands still, so
/// nothing lapses.
async fn must_cost_nothing(server: &TestServer, what: &str) {
    until(what, async || {
        // Else the last statement of what is given back would take the next cut.
        server.app.settlements.are_done()
            && server.count("SELECT coalesce(sum(cardinality(holds)), 0) FROM attempt_holds").await == 0
            && server.count("SELECT coalesce(sum(spent), 0)::bigint FROM attempt_budgets").await == 0
    })
    .await;
}

/// Does a deed with the connection cut at each of its round trips in turn, before the statement and after it. `prepare`
/// makes what the deed is about; `attempt` returns the status of the deed, which may fail only with 503, and must go
/// through afterwards.
async fn at_every_round_trip<T>(
    wire: &Wire,
    server: &TestServer,
    what: &str,
    mut prepare: impl AsyncFnMut() -> T,
    mut attempt: impl AsyncFnMut(T) -> u16,
) {
    let mut failures = 0;
    for where_at in [Break::Before, Break::After] {
        for nth in 1..=MOST_TRIPS {
            let about = prepare().await;
            wire.cut(nth, where_at);
            let status = attempt(about).await;
            let went_through = wire.mend();
            if status == 503 {
                failures += 1;
            } else {
                assert!(status < 400, "{what}: {status} when cut {where_at:?} trip {nth}");
            }
            must_cost_nothing(server, what).await;
            let again = prepare().await;
            assert_eq!(attempt(again).await, 200, "{what} afterwards");
            must_cost_nothing(server, what).await;
            if went_through {
                break;
            }
            assert!(nth < MOST_TRIPS, "{what} never ends");
        }
    }
    assert!(failures > 3, "{what} failed {failures} times only");
}

fn status(page: &Page) -> u16 {
    page.status.as_u16()
}

#[tokio::test]
async fn a_code_that_was_entered_while_connections_broke_is_taken_when_it_is_entered_again() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let form = ada.visit("/device").await;
    let enter = async || {
        let code = tv.start("openid").await.user_code;
        let page = ada.submit(&form, "/device", &[("user_code", &code)]).await;
        (code, page)
    };
    let mut last = String::new();
    for where_at in [Break::Before, Break::After] {
        for nth in 1..=MOST_TRIPS {
            let code = tv.start("openid").await.user_code;
            wire.cut(nth, where_at);
            let page = ada.submit(&form, "/device", &[("user_code", &code)]).await;
            let went_through = wire.mend();
            assert!(status(&page) == 503 || status(&page) == 200, "{page:?}");
            must_cost_nothing(&server, "code entry").await;
            let again = ada.submit(&form, "/device", &[("user_code", &code)]).await;
            assert_eq!(again.location, "/device/consent", "{again:?}");
            must_cost_nothing(&server, "code entry").await;
            last = code;
            if went_through {
                break;
            }
        }
    }
    assert!(!last.is_empty());
    let (_, page) = enter().await;
    assert_eq!(page.location, "/device/consent", "{page:?}");
}

#[tokio::test]
async fn a_decision_by_name_costs_no_guess_while_connections_break() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let start = async || tv.start("openid").await.user_code;
    let decide = async |code: String| front_end.decide(&code, "approve", json!({})).await.status.as_u16();
    at_every_round_trip(&wire, &server, "decision by name", start, decide).await;
}

#[tokio::test]
async fn a_password_that_was_entered_while_connections_broke_is_taken_when_it_is_entered_again() {
    let (wire, server) = TestServer::on_a_wire(|_| ()).await;
    let ada = server.ada().await;
    let form = async || {
        let browser = ada.at_another_browser();
        let form = browser.visit("/sign-in").await;
        (browser, form)
    };
    let enter = async |(browser, form): (Person, Page)| {
        let answers = [("username", "ada"), ("password", ada.password.as_str())];
        status(&browser.submit(&form, "/sign-in", &answers).await)
    };
    at_every_round_trip(&wire, &server, "password", form, enter).await;
}

#[tokio::test]
async fn a_code_of_an_app_costs_no_guess_while_connections_break() {
    let (wire, server) = TestServer::on_a_wire(|_| ()).await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let enrolled = ada.set_up_authenticator(&server.clock).await;
    let half_in = async || {
        let browser = ada.at_another_browser();
        let page = browser.sign_in().await;
        assert_eq!(page.location, "/sign-in/code", "{page:?}");
        (browser, page)
    };
    for where_at in [Break::Before, Break::After] {
        for nth in 1..=MOST_TRIPS {
            let (browser, page) = half_in().await;
            let code = enrolled.app.next_code();
            wire.cut(nth, where_at);
            let entered = browser.submit(&page, "/sign-in/code", &[("code", &code)]).await;
            let went_through = wire.mend();
            assert!(status(&entered) == 503 || status(&entered) == 200, "{entered:?}");
            must_cost_nothing(&server, "second factor").await;
            let (browser, page) = half_in().await;
            let code = enrolled.app.next_code();
            let entered = browser.submit(&page, "/sign-in/code", &[("code", &code)]).await;
            assert_eq!(entered.location, "/device", "{entered:?}");
            must_cost_nothing(&server, "second factor").await;
            if went_through {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_change_of_the_password_costs_no_guess_while_connections_break() {
    let (wire, server) = TestServer::on_a_wire(|_| ()).await;
    let ada = server.ada().await;
    let (first, second) = (ada.password.clone(), "another correct horse battery".to_owned());
    let mut is_first = true;
    for where_at in [Break::Before, Break::After] {
        for nth in 1..=MOST_TRIPS {
            let (old, new) = if is_first { (&first, &second) } else { (&second, &first) };
            let browser = ada.at_another_browser();
            assert_eq!(browser.sign_in_with(old).await.location, "/device");
            let form = browser.visit("/account/security/password").await;
            let answers = [
                ("current_password", old.as_str()),
                ("new_password", new.as_str()),
                ("new_password_repeated", new.as_str()),
            ];
            wire.cut(nth, where_at);
            let changed = browser.submit(&form, "/account/security/password", &answers).await;
            let went_through = wire.mend();
            assert!(status(&changed) == 503 || status(&changed) == 200, "{changed:?}");
            must_cost_nothing(&server, "change of password").await;
            // It was changed, or it was not; either way nobody guessed.
            let browser = ada.at_another_browser();
            is_first = if browser.sign_in_with(new).await.location == "/device" {
                !is_first
            } else {
                server.execute("DELETE FROM attempt_budgets").await;
                assert_eq!(browser.sign_in_with(old).await.location, "/device");
                is_first
            };
            if went_through {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_wrong_code_whose_answer_was_lost_is_not_charged_and_one_that_was_answered_is() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    let form = ada.visit("/device").await;
    let guess = async || ada.submit(&form, "/device", &[("user_code", "BBBB-BBBB")]).await;
    let mut failures = 0;
    while failures < 6 {
        until("all is given back", async || server.app.settlements.are_done()).await;
        // The third one writes the refusal down.
        wire.cut(3, Break::After);
        let failed = status(&guess().await) == 503;
        wire.mend();
        if failed {
            failures += 1;
        } else {
            // A task of the server had it; the guess was answered and charged.
            server.execute("DELETE FROM attempt_budgets").await;
        }
    }
    until("all is given back", async || server.app.settlements.are_done()).await;
    for _ in 0..4 {
        assert_eq!(status(&guess().await), 400);
    }
    let code = tv.start("openid").await.user_code;
    let page = ada.submit(&form, "/device", &[("user_code", &code)]).await;
    assert_eq!(page.location, "/device/consent", "{page:?}");
    assert_eq!(status(&guess().await), 400);
    assert_eq!(status(&guess().await), 429);
}

#[tokio::test]
async fn an_attempt_that_nobody_settles_counts_for_half_a_minute_and_no_longer() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.open(&tv.start("openid").await.user_code).await;
    until("it is given back", async || {
        server.count("SELECT coalesce(sum(cardinality(holds)), 0) FROM attempt_holds").await == 0
    })
    .await;
    // As of a server that has died meanwhile.
    let now = server.clock.now();
    let holds: Vec<_> = (0..5).map(|_| server.app.random.uuid_v7(now)).collect();
    sqlx::query("UPDATE attempt_holds SET holds = $1 WHERE guard = 'code/account'")
        .bind(holds)
        .execute(&server.app.db)
        .await
        .expect("the holds are there");
    let code = tv.start("openid").await.user_code;
    let page = ada.enter(&code).await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (429, "30"), "{page:?}");
    server.clock.advance(31.0);
    assert_eq!(ada.enter(&code).await.location, "/device/consent");
}

#[tokio::test]
async fn a_look_at_a_code_costs_no_guess_while_connections_break() {
    let (wire, server) = TestServer::on_a_wire(|config| config.rate_limits.enabled = false).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let remote = server.public_client("remote", "openid devices").await;
    let token = remote.connect(&ada, "openid devices").await.string("access_token");
    let code = tv.start("openid").await.user_code;
    let url = format!("{}/devices/{code}", server.base);
    let look = async |()| send(server.http.get(&url).bearer_auth(&token)).await.status.as_u16();
    at_every_round_trip(&wire, &server, "look at a code", async || (), look).await;
}
