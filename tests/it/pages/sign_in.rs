//! `/sign-in` and `/sign-out`: who may come in, how often they may try, and when they are out again.

use latchkey::domain::audit::By;
use latchkey::domain::users::{self, NewUser};
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::user::Standing;
use tokio::task::JoinSet;

use super::raw_browser::RawBrowser;
use super::{WRONG_CREDENTIALS, impersonal};
use crate::support::{Page, Person, TestServer};

const WRONG: &str = "wrong horse battery staple";

#[track_caller]
fn must_be_wrong(page: &Page) {
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.shows(WRONG_CREDENTIALS), "{page:?}");
}

#[track_caller]
fn must_be_too_many(page: &Page) {
    assert_eq!(page.status, 429, "{page:?}");
    assert!(page.shows("sign-in-error-too-many"), "{page:?}");
}

#[track_caller]
fn must_be_in(page: &Page) {
    assert_eq!(page.location, "/device", "{page:?}");
    assert!(page.says("Signed in as"), "{page:?}");
}

async fn fail(person: &Person, times: usize) {
    for _ in 0..times {
        must_be_wrong(&person.sign_in_with(WRONG).await);
    }
}

async fn put(server: &TestServer, username: &str, standing: Standing) {
    users::set_standing(&server.app, DEFAULT_TENANT, username, standing, &By::OPERATOR)
        .await
        .expect("the account changes");
}

#[tokio::test]
async fn whatever_is_wrong_with_an_account_the_answer_is_that_of_a_wrong_password() {
    let server = TestServer::start().await;
    let people = ["active", "locked", "disabled"];
    for name in people {
        server.person(name, &[]).await;
    }
    put(&server, "locked", Standing::Locked).await;
    put(&server, "disabled", Standing::Disabled).await;
    let right = server.person("somebody", &[]).await.password;
    let mut answers = Vec::new();
    for (name, password) in
        [("active", WRONG), ("nobody", WRONG), ("nobody", &right), ("locked", &right), ("disabled", &right)]
    {
        let page = Person::new(&server.base, name, password).sign_in().await;
        must_be_wrong(&page);
        answers.push((name, page.status, impersonal(&page, &[name])));
    }
    assert!(answers.iter().all(|(_, status, text)| (status, text) == (&answers[0].1, &answers[0].2)));
}

#[tokio::test]
async fn a_wrong_password_is_never_sent_back() {
    let server = TestServer::start().await;
    let page = server.ada().await.sign_in_with(WRONG).await;
    must_be_wrong(&page);
    assert_eq!(page.form("/sign-in")["username"], "ada");
    assert!(!page.says(WRONG), "{page:?}");
}

#[tokio::test]
async fn a_long_password_in_any_script_counts_to_its_last_letter() {
    let server = TestServer::start().await;
    let password = "пароль из слов, ".repeat(15) + "конец";
    let user = NewUser {
        username: "ada".to_owned(),
        display_name: None,
        email: None,
        email_verified: false,
        roles: vec![],
    };
    users::create(&server.app, DEFAULT_TENANT, user, &password, &By::OPERATOR)
        .await
        .expect("the account is made");
    let ada = Person::new(&server.base, "ada", &password);
    must_be_wrong(&ada.sign_in_with(password.trim_end_matches("ц")).await);
    must_be_in(&ada.sign_in().await);
}

#[tokio::test]
async fn five_wrong_passwords_close_an_account_to_their_address_and_to_no_other() {
    let server = TestServer::behind_a_proxy().await;
    let ada = server.ada().await;
    let (attacker, home) = (ada.forwarded_for("198.51.100.66"), ada.forwarded_for("198.51.100.1"));
    fail(&attacker, 5).await;
    must_be_too_many(&attacker.sign_in().await);
    must_be_in(&home.sign_in().await);
    server.clock.advance(599.0);
    let page = attacker.sign_in().await;
    must_be_too_many(&page);
    assert_eq!(page.header("retry-after"), "1");
    server.clock.advance(1.0);
    must_be_in(&attacker.sign_in().await);
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_closed_like_one_that_does() {
    let server = TestServer::start().await;
    let nobody = Person::new(&server.base, "nobody", WRONG);
    fail(&nobody, 5).await;
    must_be_too_many(&nobody.sign_in().await);
}

#[tokio::test]
async fn the_case_of_a_name_opens_no_second_budget() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    for name in ["ada", "Ada", "aDA", "ADA", "adA"] {
        fail(&Person::new(&server.base, name, WRONG), 1).await;
    }
    must_be_too_many(&ada.sign_in().await);
}

#[tokio::test]
async fn an_address_that_tries_many_names_is_closed_to_all_of_them() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    for number in 0..10 {
        fail(&Person::new(&server.base, &format!("name-{number}"), WRONG), 1).await;
    }
    must_be_too_many(&ada.sign_in().await);
    server.clock.advance(60.0);
    must_be_in(&ada.sign_in().await);
}

#[tokio::test]
async fn a_right_password_gives_back_its_own_attempt_and_no_other() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    fail(&ada, 4).await;
    for _ in 0..2 {
        must_be_in(&ada.at_another_browser().sign_in().await);
    }
    fail(&ada, 1).await;
    must_be_too_many(&ada.sign_in().await);
}

#[tokio::test]
async fn of_twenty_passwords_at_once_no_more_than_five_are_looked_at() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let form = ada.visit("/sign-in").await;
    let mut attempts = JoinSet::new();
    for _ in 0..20 {
        let (ada, form) = (ada.clone(), form.clone());
        let answers = [("username", "ada"), ("password", WRONG)];
        attempts.spawn(async move { ada.submit(&form, "/sign-in", &answers).await.status });
    }
    let statuses = attempts.join_all().await;
    let count = |status: u16| statuses.iter().filter(|seen| seen.as_u16() == status).count();
    assert_eq!((count(400), count(429)), (5, 15), "{statuses:?}");
}

#[tokio::test]
async fn a_right_password_ends_the_row_of_wrong_ones() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    sqlx::query("UPDATE users SET failed_sign_ins = 99").execute(&server.app.db).await.expect("a change");
    must_be_in(&ada.sign_in().await);
    fail(&ada.at_another_browser(), 1).await;
    must_be_in(&ada.at_another_browser().sign_in().await);
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_wherever_it_was_signed_in() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    must_be_in(&ada.sign_in().await);
    put(&server, "ada", Standing::Disabled).await;
    assert!(!ada.visit("/device").await.says("Signed in as"));
}

#[tokio::test]
async fn signing_in_changes_the_cookie_and_its_old_value_is_dead() {
    let server = TestServer::start().await;
    let (ada, mut browser) = (server.ada().await, RawBrowser::of(&server));
    browser.get("/device").await;
    let before = browser.cookies["latchkey"].clone();
    assert_eq!(browser.sign_in(&ada).await.status, 303);
    let first = browser.cookies["latchkey"].clone();
    assert_ne!(before, first);
    assert!(!RawBrowser::with_cookie(&server, "latchkey", &before).is_signed_in().await);
    assert!(browser.is_signed_in().await);

    server.clock.advance(901.0);
    assert_eq!(browser.sign_in(&ada).await.status, 303);
    assert_ne!(first, browser.cookies["latchkey"]);
    assert!(!RawBrowser::with_cookie(&server, "latchkey", &first).is_signed_in().await);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_server() {
    let server = TestServer::start().await;
    let (ada, mut browser) = (server.ada().await, RawBrowser::of(&server));
    browser.sign_in(&ada).await;
    let stolen = browser.cookies["latchkey"].clone();
    assert!(RawBrowser::with_cookie(&server, "latchkey", &stolen).is_signed_in().await);
    let page = browser.get("/device").await;
    let answer = browser.submit(&page, "/sign-out", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/sign-in"));
    assert_ne!(browser.cookies["latchkey"], stolen);
    assert!(!browser.is_signed_in().await);
    assert!(!RawBrowser::with_cookie(&server, "latchkey", &stolen).is_signed_in().await);
    assert_eq!(server.audited("sign_out", "success").await, 1);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_after_twelve_hours_in_any_case() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    server.clock.advance(1801.0);
    assert!(!ada.visit("/device").await.says("Signed in as"));

    ada.sign_in().await;
    for _ in 0..24 {
        assert!(ada.visit("/device").await.says("Signed in as"));
        server.clock.advance(1799.0);
    }
    assert!(ada.visit("/device").await.says("Signed in as"));
    server.clock.advance(24.0);
    assert!(!ada.visit("/device").await.says("Signed in as"));
}

#[tokio::test]
async fn a_cookie_that_somebody_made_up_signs_nobody_in() {
    let server = TestServer::start().await;
    for value in ["", "lkb_", "1", &"x".repeat(4000), "lkb_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA000000"]
    {
        let mut browser = RawBrowser::with_cookie(&server, "latchkey", value);
        assert!(!browser.is_signed_in().await, "{value}");
        assert_ne!(browser.cookies["latchkey"], value, "an invented secret was kept");
    }
}
