//! `/account/security/password`

use crate::support::{Page, Person, TestServer};

const PATH: &str = "/account/security/password";
const NEW: &str = "an engine weaves algebra";

/// Fills the form in; `ticks` are the boxes that are ticked.
async fn change(person: &Person, current: &str, new: &str, repeated: &str, ticks: &[&str]) -> Page {
    let csrf = person.visit(PATH).await.form(PATH)["csrf"].clone();
    let mut fields = vec![
        ("csrf", csrf.as_str()),
        ("current_password", current),
        ("new_password", new),
        ("new_password_repeated", repeated),
    ];
    fields.extend(ticks.iter().map(|tick| (*tick, "yes")));
    person.post(PATH, &fields).await
}

#[tokio::test]
async fn the_new_password_is_good_at_once_and_the_old_one_no_more() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let before = ada.cookies();
    let page = change(&ada, &ada.password, NEW, NEW, &[]).await;
    assert!(page.is_titled("password-done-title"), "{page:?}");
    assert_ne!(ada.cookies(), before);
    assert_eq!(ada.visit("/account/security").await.location, "/account/security");
    let other = ada.at_another_browser();
    assert_eq!(other.sign_in().await.status, 400);
    assert_eq!(other.sign_in_with(NEW).await.location, "/device");
    assert_eq!(server.audited("password.changed", "success").await, 1);
}

#[tokio::test]
async fn other_browsers_and_devices_end_as_the_person_ticks() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let other = ada.at_another_browser();
    let tokens = tv.connect(&other, "openid offline_access").await;
    ada.sign_in().await;
    change(&ada, &ada.password, NEW, NEW, &[]).await;
    assert!(other.visit("/device").await.says("Signed in as"));
    let renewed = tv.refresh(&tokens.string("refresh_token")).await;
    renewed.must_be_tokens();
    change(&ada, NEW, &ada.password, &ada.password, &["end_other_browsers"]).await;
    assert!(!other.visit("/device").await.says("Signed in as"));
    assert!(ada.visit("/device").await.says("Signed in as"));
    let renewed = tv.refresh(&renewed.string("refresh_token")).await;
    renewed.must_be_tokens();
    change(&ada, &ada.password, NEW, NEW, &["end_devices"]).await;
    tv.refresh(&renewed.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_password_that_everybody_would_guess_is_not_taken() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let right = ada.password.clone();
    for (current, new, repeated, error) in [
        ("wrong horse battery staple", NEW, NEW, "password-error-wrong"),
        (right.as_str(), NEW, "an engine weaves algebra!", "password-error-repeated"),
        (right.as_str(), "too short", "too short", "password-error-length"),
        (right.as_str(), "adaadaadaadaada", "adaadaadaadaada", "password-error-username"),
        (right.as_str(), "passwordpassword", "passwordpassword", "password-error-common"),
    ] {
        let page = change(&ada, current, new, repeated, &[]).await;
        assert_eq!(page.status, 400, "{page:?}");
        assert!(page.shows(error), "{error}: {page:?}");
        assert!(!page.says(new), "{page:?}");
    }
    assert_eq!(ada.at_another_browser().sign_in().await.location, "/device");
    assert_eq!(server.audited("password.changed", "refused").await, 1);
}

#[tokio::test]
async fn guesses_of_the_current_password_are_counted_like_sign_ins() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    for _ in 0..5 {
        assert_eq!(change(&ada, "wrong horse battery staple", NEW, NEW, &[]).await.status, 400);
    }
    assert_eq!(change(&ada, &ada.password, NEW, NEW, &[]).await.status, 429);
}

#[tokio::test]
async fn an_old_session_must_sign_in_first_and_comes_back() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    server.clock.advance(901.0);
    let page = ada.visit(PATH).await;
    assert_eq!(page.location, "/sign-in", "{page:?}");
    let back = ada.submit(&page, "/sign-in", &[("username", "ada"), ("password", &ada.password)]).await;
    assert_eq!(back.location, "/account/security", "{back:?}");
}
