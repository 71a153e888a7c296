//! Guessing user codes (RFC 8628 §5.1): what a guesser learns, which is nothing, and how often they may try.

use std::sync::Arc;

use latchkey::domain::activity;
use latchkey::languages::Language;
use tokio::task::JoinSet;

use super::{NO_SUCH_CODE, TOO_MANY_CODES, UNKNOWN_CODE, impersonal, sessions_in};
use crate::support::{Device, Page, Person, TestServer, words};

/// Enters wrong codes, each of which is looked at.
async fn guess_wrong(person: &Person, times: usize) {
    for _ in 0..times {
        let page = person.enter(UNKNOWN_CODE).await;
        assert_eq!(page.status, 400, "{page:?}");
        assert!(page.shows(NO_SUCH_CODE), "{page:?}");
    }
}

/// Insists that not even a right code is looked at any more.
async fn must_be_out_of_guesses(person: &Person, tv: &Device) -> Page {
    let page = person.enter(&tv.start("openid").await.user_code).await;
    assert_eq!(page.status, 429, "{page:?}");
    assert!(page.shows(TOO_MANY_CODES), "{page:?}");
    page
}

#[tokio::test]
async fn whatever_is_wrong_with_a_code_the_answer_is_the_same() {
    let server = TestServer::behind_a_proxy().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (acme, acme_base) = server.tenant("acme").await;
    let foreign = server.client_of(acme, &acme_base, "tv", "openid", |_| ()).await;

    let expired = tv.start("openid").await.user_code;
    server.clock.advance(600.0);
    let (used, approved, denied) =
        (tv.start("openid").await, tv.start("openid").await, tv.start("openid").await);
    ada.approve(&used.user_code).await;
    tv.poll(&used).await.must_be_tokens();
    ada.approve(&approved.user_code).await;
    ada.deny(&denied.user_code).await;
    let of_acme = foreign.start("openid").await.user_code;

    let mut answers = Vec::new();
    let wrong: [&str; 10] = [
        UNKNOWN_CODE,
        &expired,
        &used.user_code,
        &approved.user_code,
        &denied.user_code,
        &of_acme,
        "",
        "CCCC",
        "not a code at all",
        &"B".repeat(65),
    ];
    for (number, input) in wrong.into_iter().enumerate() {
        let guesser = server.person(&format!("guesser-{number}"), &[]).await;
        let guesser = guesser.forwarded_for(&format!("198.51.100.{number}"));
        guesser.sign_in().await;
        let page = guesser.enter(input).await;
        answers.push((input, page.status, impersonal(&page, &[input, &guesser.username])));
    }
    for (input, status, text) in &answers {
        assert_eq!((*status, text), (answers[0].1, &answers[0].2), "{input:?}");
    }
    assert_eq!(answers[0].1, 400);
    assert!(words::holds(&answers[0].2, Language::English, NO_SUCH_CODE), "{}", answers[0].2);
}

#[tokio::test]
async fn after_five_wrong_codes_even_the_right_one_is_refused_for_ten_minutes() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    guess_wrong(&ada, 5).await;
    assert_eq!(must_be_out_of_guesses(&ada, &tv).await.header("retry-after"), "600");
    server.clock.advance(599.0);
    assert_eq!(must_be_out_of_guesses(&ada, &tv).await.header("retry-after"), "1");
    server.clock.advance(1.0);
    let page = ada.enter(&tv.start("openid").await.user_code).await;
    assert_eq!(page.location, "/device/consent");
}

#[tokio::test]
async fn malformed_codes_count_like_wrong_ones() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    for input in ["", "x", "0000-0000", "....", &"-".repeat(100)] {
        assert!(ada.enter(input).await.shows(NO_SUCH_CODE), "{input:?}");
    }
    must_be_out_of_guesses(&ada, &tv).await;
}

#[tokio::test]
async fn a_right_code_gives_back_its_own_attempt_and_no_other() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    guess_wrong(&ada, 4).await;
    for _ in 0..3 {
        ada.open(&tv.start("openid").await.user_code).await;
    }
    guess_wrong(&ada, 1).await;
    must_be_out_of_guesses(&ada, &tv).await;
}

#[tokio::test]
async fn spellings_of_one_code_share_one_budget() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    for input in ["BBBB-BBBB", "bbbbbbbb", "BBBB BBBB", "bb-bb-bb-bb", "ＢＢＢＢＢＢＢＢ"] {
        assert!(ada.enter(input).await.shows(NO_SUCH_CODE), "{input:?}");
    }
    must_be_out_of_guesses(&ada, &tv).await;
}

#[tokio::test]
async fn signing_in_anew_or_at_another_server_gives_no_new_guesses() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    guess_wrong(&ada, 5).await;
    let elsewhere = Person::new(&replica.base, &ada.username, &ada.password);
    elsewhere.sign_in().await;
    must_be_out_of_guesses(&elsewhere, &tv).await;
}

#[tokio::test]
async fn all_accounts_at_one_address_share_its_ten_guesses() {
    let server = TestServer::behind_a_proxy().await;
    let tv = server.tv().await;
    let mut accounts = Vec::new();
    for name in ["ada", "bob", "cyd"] {
        let person = server.person(name, &[]).await.forwarded_for("198.51.100.7");
        person.sign_in().await;
        accounts.push(person);
    }
    guess_wrong(&accounts[0], 5).await;
    guess_wrong(&accounts[1], 5).await;
    must_be_out_of_guesses(&accounts[2], &tv).await;
    let elsewhere = accounts[2].forwarded_for("198.51.100.8");
    elsewhere.open(&tv.start("openid").await.user_code).await;
    server.clock.advance(60.0);
    accounts[2].open(&tv.start("openid").await.user_code).await;
}

#[tokio::test]
async fn all_accounts_of_a_tenant_together_cannot_try_a_thousand_codes_in_a_codes_lifetime() {
    let server = TestServer::behind_a_proxy().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let bob = server.person("bob", &[]).await.forwarded_for("198.51.100.8");
    ada.sign_in().await;
    bob.sign_in().await;
    guess_wrong(&ada, 1).await;
    // As if a hundred accounts had joined in.
    sqlx::query("UPDATE attempt_budgets SET spent = 499 WHERE guard = 'code/tenant'")
        .execute(&server.app.db)
        .await
        .expect("the budget is changed");
    guess_wrong(&ada, 1).await;
    must_be_out_of_guesses(&bob, &tv).await;
    // 500 at once and 500 over the lifetime of 600 seconds: one each 1.2 seconds.
    server.clock.advance(1.2);
    bob.open(&tv.start("openid").await.user_code).await;
}

#[tokio::test]
async fn guesses_at_one_tenant_cost_another_nothing() {
    let server = TestServer::start().await;
    let (acme, base) = server.tenant("acme").await;
    let tv = server.client_of(acme, &base, "tv", "openid", |_| ()).await;
    let (ada, bob) = (server.ada().await, server.person("bob", &[]).await);
    for person in [&ada, &bob] {
        person.sign_in().await;
        guess_wrong(person, 5).await;
    }
    let neighbour = server.person_of(acme, &base, "ada", &[]).await;
    neighbour.open(&tv.start("openid").await.user_code).await;
}

#[tokio::test]
async fn of_twenty_guesses_at_once_no_more_than_five_are_looked_at() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let form: Arc<Page> = Arc::new(ada.visit("/device").await);
    let mut guesses = JoinSet::new();
    for _ in 0..20 {
        let (ada, form) = (ada.clone(), Arc::clone(&form));
        guesses
            .spawn(async move { ada.submit(&form, "/device", &[("user_code", UNKNOWN_CODE)]).await.status });
    }
    let statuses = guesses.join_all().await;
    let count = |status: u16| statuses.iter().filter(|seen| seen.as_u16() == status).count();
    assert_eq!((count(400), count(429)), (5, 15), "{statuses:?}");
}

#[tokio::test]
async fn a_code_that_is_passed_round_dies_at_the_sixth_opening() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    for _ in 0..5 {
        ada.open(&started.user_code).await;
    }
    tv.poll(&started).await.must_be_error("authorization_pending");
    let page = ada.enter(&started.user_code).await;
    assert_eq!(page.status, 400);
    assert!(page.shows(NO_SUCH_CODE), "{page:?}");
    assert_eq!(sessions_in(&server, "denied").await, 1);
    tv.poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn a_code_that_dies_at_an_opening_counts_as_denied_at_once() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    for _ in 0..5 {
        ada.open(&started.user_code).await;
    }
    ada.enter(&started.user_code).await;
    // Without waiting for the announcement.
    server.clock.advance(6.0);
    tv.poll(&started).await.must_be_error("access_denied");
    activity::write(&server.app).await.expect("the database answers");
    assert_eq!(server.count("SELECT sum(denials)::bigint FROM activity WHERE minutes = 60").await, 1);
}

#[tokio::test]
async fn every_wrong_code_leaves_a_trace_without_the_code() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    ada.sign_in().await;
    guess_wrong(&ada, 5).await;
    must_be_out_of_guesses(&ada, &tv).await;
    assert_eq!(server.audited("user_code.entered", "refused").await, 6);
    let trail = &server.rows().await["audit_events"];
    assert!(!trail.contains(UNKNOWN_CODE) && !trail.contains("BBBBBBBB"), "{trail}");
}
