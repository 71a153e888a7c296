//! Wrong guesses slow down guessing, and touch nobody who is signed in or has signed in before.

use latchkey::domain::audit::By;
use latchkey::domain::users;
use latchkey::model::tenant::DEFAULT_TENANT;

use super::raw_browser::{RawBrowser, set_cookies};
use super::{WRONG_CREDENTIALS, impersonal};
use crate::support::{Page, Person, TestServer};

const WRONG: &str = "wrong horse battery staple";
const NEW: &str = "a wholly new passphrase";
const KNOWN: &str = "latchkey-known";
const OFFLINE: &str = "openid offline_access";

#[track_caller]
fn must_be_wrong(page: &Page) {
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.shows(WRONG_CREDENTIALS), "{page:?}");
}

#[track_caller]
fn must_be_in(page: &Page) {
    assert!(page.says("Signed in as"), "{page:?}");
}

/// Guesses a hundred times, from twenty addresses.
async fn guess_a_hundred_times(person: &Person) {
    for address in 0..20 {
        let guesser = person.forwarded_for(&format!("198.51.100.{address}"));
        for _ in 0..5 {
            must_be_wrong(&guesser.sign_in_with(WRONG).await);
        }
    }
}

async fn close(server: &TestServer) {
    server.execute("UPDATE users SET failed_sign_ins = 100").await;
}

async fn choose(person: &Person, link: &str, password: &str) -> Page {
    let form = person.visit(link).await;
    let answers = [("password", password), ("password_again", password)];
    person.submit(&form, "/set-password", &answers).await
}

#[tokio::test]
async fn a_hundred_wrong_passwords_touch_nothing_that_is_signed_in() {
    let server = TestServer::behind_a_proxy().await;
    let (tv, api, ada) = (server.tv().await, server.api().await, server.ada().await);
    let tokens = tv.connect(&ada, OFFLINE).await;
    guess_a_hundred_times(&ada).await;
    assert_eq!(server.audited("sign_in.unknown_browsers_refused", "success").await, 1);
    must_be_in(&ada.visit("/device").await);
    api.introspect(&tokens.string("access_token")).await.must_be_active();
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    // The right password is answered as a wrong one, and a wrong one as before.
    let stranger = ada.forwarded_for("203.0.113.1");
    let right = stranger.sign_in().await;
    let wrong = ada.forwarded_for("203.0.113.2").sign_in_with(WRONG).await;
    must_be_wrong(&right);
    assert_eq!(impersonal(&right, &[]), impersonal(&wrong, &[]));
    // The owner gets in where they were before, and so ends the row.
    ada.sign_out().await;
    must_be_in(&ada.sign_in().await);
    must_be_in(&stranger.sign_in().await);
}

#[tokio::test]
async fn a_link_from_an_administrator_opens_a_closed_account() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    close(&server).await;
    must_be_wrong(&ada.sign_in().await);
    let used = ada.at_another_browser();
    assert_eq!(choose(&used, &server.password_link("ada").await, NEW).await.status, 200);
    must_be_in(&ada.at_another_browser().sign_in_with(NEW).await);
    // Whoever goes on guessing does not shut out the browser that used the link.
    close(&server).await;
    must_be_in(&used.sign_in_with(NEW).await);
}

#[tokio::test]
async fn an_administrator_who_unlocks_an_account_opens_it_to_new_browsers() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    close(&server).await;
    server.set_standing("ada", latchkey::model::user::Standing::Good).await;
    must_be_in(&ada.sign_in().await);
}

#[tokio::test]
async fn a_known_browser_has_ten_tries_of_its_own() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    ada.sign_out().await;
    for number in 0..10 {
        must_be_wrong(&Person::new(&server.base, &format!("name-{number}"), WRONG).sign_in().await);
    }
    assert_eq!(ada.at_another_browser().sign_in().await.status, 429);
    for _ in 0..9 {
        must_be_wrong(&ada.sign_in_with(WRONG).await);
    }
    must_be_in(&ada.sign_in().await);
    ada.sign_out().await;
    for _ in 0..10 {
        must_be_wrong(&ada.sign_in_with(WRONG).await);
    }
    let page = ada.sign_in().await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (429, "600"), "{page:?}");
    server.clock.advance(600.0);
    must_be_in(&ada.sign_in().await);
}

#[tokio::test]
async fn a_browser_is_not_known_any_more_after_a_hundred_wrong_tries_in_a_row() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    ada.sign_out().await;
    close(&server).await;
    must_be_wrong(&ada.sign_in_with(WRONG).await);
    server.execute("UPDATE attempt_budgets SET spent = 100 WHERE guard = 'password/known/row'").await;
    server.clock.advance(86_400.0 * 399.0);
    must_be_wrong(&ada.sign_in().await);
}

#[tokio::test]
async fn another_password_and_signing_out_everywhere_end_known_browsers() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let (here, there) = (ada.at_another_browser(), ada.at_another_browser());
    for browser in [&here, &there] {
        browser.sign_in().await;
    }
    let form = here.visit("/account/security/password").await;
    let answers =
        [("current_password", ada.password.as_str()), ("new_password", NEW), ("new_password_repeated", NEW)];
    here.submit(&form, "/account/security/password", &answers).await;
    here.sign_out().await;
    close(&server).await;
    must_be_wrong(&there.sign_in_with(NEW).await);
    must_be_in(&here.sign_in_with(NEW).await);
    users::sign_out_everywhere(&server.app, DEFAULT_TENANT, "ada", &By::OPERATOR).await.unwrap();
    close(&server).await;
    must_be_wrong(&here.sign_in_with(NEW).await);
}

#[tokio::test]
async fn the_mark_of_a_browser_is_good_for_its_own_account_and_tenant_only() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.ada().await, server.person("bob", &[]).await);
    let mut browser = RawBrowser::of(&server);
    let page = browser.sign_in(&bob).await;
    let kept = set_cookies(&page).into_iter().find(|line| line.starts_with(KNOWN)).expect("a mark");
    assert!(kept.contains("HttpOnly") && kept.contains("SameSite=Lax") && kept.contains("Max-Age"), "{kept}");
    let mark = browser.cookies[KNOWN].clone();
    close(&server).await;
    assert_eq!(RawBrowser::with_cookie(&server, KNOWN, &mark).sign_in(&ada).await.status, 400);
    let mut altered = mark.clone().into_bytes();
    altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    assert_eq!(RawBrowser::with_cookie(&server, KNOWN, &altered).sign_in(&bob).await.status, 400);
    let (tenant, base) = server.tenant("acme").await;
    let other_bob = server.person_of(tenant, &base, "bob", &[]).await;
    close(&server).await;
    let mut elsewhere = RawBrowser::at(&server, &base);
    elsewhere.cookies.insert(format!("{KNOWN}.acme"), mark.clone());
    let form = elsewhere.get("/sign-in").await;
    let answers = [("username", "bob"), ("password", other_bob.password.as_str())];
    assert_eq!(elsewhere.submit(&form, "/t/acme/sign-in", &answers).await.status, 404);
    // The mark itself is good.
    assert_eq!(RawBrowser::with_cookie(&server, KNOWN, &mark).sign_in(&bob).await.status, 303);
}

#[tokio::test]
async fn a_browser_knows_several_accounts() {
    let server = TestServer::start().await;
    let (ada, bob) = (server.ada().await, server.person("bob", &[]).await);
    let mut browser = RawBrowser::of(&server);
    for person in [&ada, &bob] {
        assert_eq!(browser.sign_in(person).await.status, 303);
        server.clock.advance(901.0);
    }
    close(&server).await;
    for person in [&ada, &bob] {
        server.clock.advance(901.0);
        close(&server).await;
        assert_eq!(browser.sign_in(person).await.status, 303);
    }
}
