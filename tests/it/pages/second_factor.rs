//! `/account/security` and `/sign-in/code`: an authenticator app is set up, asked for, lost and removed.

use latchkey::domain::audit::By;
use latchkey::domain::second_factor::remove;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::user::Standing;
use tokio::task::JoinSet;

use crate::support::{Enrolled, Page, Person, TestServer, jwt, words};

#[track_caller]
fn must_be_wrong(page: &Page) {
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.shows("code-error-wrong"), "{page:?}");
}

#[track_caller]
fn must_be_in(page: &Page) {
    assert_eq!(page.location, "/device", "{page:?}");
    assert!(page.says("Signed in as"), "{page:?}");
}

#[track_caller]
fn must_be_asked_for_code(page: &Page) {
    assert_eq!(page.location, "/sign-in/code", "{page:?}");
    assert!(!page.says("Signed in as"), "{page:?}");
}

/// Ada with an app, and signed in with it nowhere.
async fn enrolled() -> (TestServer, Person, Enrolled) {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let enrolled = ada.set_up_authenticator(&server.clock).await;
    let elsewhere = ada.at_another_browser();
    (server, elsewhere, enrolled)
}

#[tokio::test]
async fn an_app_counts_once_it_has_shown_a_right_code() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    ada.sign_in().await;
    let offer = ada.visit("/account/security/authenticator").await;
    let shown = ada.submit(&offer, "/account/security/authenticator", &[]).await;
    assert!(shown.says("<svg"), "{shown:?}");
    must_be_in(&ada.at_another_browser().sign_in().await);
    let wrong = ada.submit(&shown, "/account/security/authenticator", &[("code", "000000x")]).await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    must_be_in(&ada.at_another_browser().sign_in().await);
    assert_eq!(server.audited("second_factor.enrolled", "success").await, 0);
    let before = ada.cookies();
    ada.set_up_authenticator(&server.clock).await;
    assert_ne!(ada.cookies(), before);
    must_be_asked_for_code(&ada.at_another_browser().sign_in().await);
    assert_eq!(server.audited("second_factor.enrolled", "success").await, 1);
}

#[tokio::test]
async fn showing_the_pages_changes_nothing() {
    let (server, ada, enrolled) = enrolled().await;
    ada.sign_in().await;
    ada.enter_second_factor(&enrolled.app.next_code()).await;
    let before = server.rows().await;
    for path in ["", "/authenticator", "/password", "/recovery-codes", "/remove-authenticator"] {
        assert_eq!(ada.visit(&format!("/account/security{path}")).await.status, 200, "{path}");
    }
    assert_eq!(server.rows().await, before);
}

#[tokio::test]
async fn the_password_alone_opens_nothing() {
    let (server, ada, enrolled) = enrolled().await;
    let before = ada.visit("/sign-in").await;
    let first = ada.cookies();
    must_be_asked_for_code(&ada.sign_in().await);
    let half = ada.cookies();
    assert_ne!(half, first);
    for path in ["/account/security", "/account/security/authenticator", "/device/consent"] {
        let page = ada.visit(path).await;
        assert_eq!(page.location, "/sign-in", "{page:?}");
    }
    // A form from before the step is of a browser that is no more.
    let answers = [("username", "ada"), ("password", ada.password.as_str())];
    assert_eq!(ada.submit(&before, "/sign-in", &answers).await.status, 403);
    // Back to where it was turned away last.
    let page = ada.enter_second_factor(&enrolled.app.next_code()).await;
    assert_eq!(page.location, "/account/security", "{page:?}");
    assert_ne!(ada.cookies(), half);
    assert_eq!(server.count("SELECT count(*) FROM half_sign_ins").await, 0);
    // Going back does not lead in twice.
    assert_eq!(ada.visit("/sign-in/code").await.location, "/device");
}

#[tokio::test]
async fn the_second_step_must_come_within_five_minutes_in_the_same_browser() {
    let (server, ada, enrolled) = enrolled().await;
    must_be_asked_for_code(&ada.sign_in().await);
    assert_eq!(ada.at_another_browser().visit("/sign-in/code").await.location, "/sign-in");
    let page = ada.visit("/sign-in/code").await;
    server.clock.advance(300.0);
    let late = ada.submit(&page, "/sign-in/code", &[("code", &enrolled.app.code())]).await;
    assert_eq!(late.location, "/sign-in", "{late:?}");
    assert!(!late.says("Signed in as"), "{late:?}");
}

#[tokio::test]
async fn an_account_that_is_locked_between_the_steps_stays_out() {
    let (server, ada, enrolled) = enrolled().await;
    must_be_asked_for_code(&ada.sign_in().await);
    let page = ada.visit("/sign-in/code").await;
    server.set_standing("ada", Standing::Locked).await;
    let answer = ada.submit(&page, "/sign-in/code", &[("code", &enrolled.app.next_code())]).await;
    assert_eq!(answer.location, "/sign-in", "{answer:?}");
}

#[tokio::test]
async fn a_code_is_good_once_whoever_has_seen_it() {
    let (_server, ada, enrolled) = enrolled().await;
    ada.sign_in().await;
    // The one that set the app up was used by that.
    must_be_wrong(&ada.enter_second_factor(&enrolled.app.code()).await);
    let code = enrolled.app.next_code();
    must_be_in(&ada.enter_second_factor(&code).await);
    let other = ada.at_another_browser();
    other.sign_in().await;
    must_be_wrong(&other.enter_second_factor(&code).await);
}

#[tokio::test]
async fn of_the_same_code_at_once_in_many_browsers_one_is_taken() {
    let (_server, ada, enrolled) = enrolled().await;
    let mut browsers = Vec::new();
    for _ in 0..4 {
        let browser = ada.at_another_browser();
        browser.sign_in().await;
        let page = browser.visit("/sign-in/code").await;
        browsers.push((browser, page));
    }
    let code = enrolled.app.next_code();
    let mut attempts = JoinSet::new();
    for (browser, page) in browsers {
        let code = code.clone();
        attempts
            .spawn(async move { browser.submit(&page, "/sign-in/code", &[("code", &code)]).await.location });
    }
    let locations = attempts.join_all().await;
    assert_eq!(locations.iter().filter(|location| *location == "/device").count(), 1, "{locations:?}");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_code_the_answer_is_the_same() {
    let (server, ada, enrolled) = enrolled().await;
    ada.sign_in().await;
    let used = enrolled.app.code();
    let bob = server.person("bob", &[]).await;
    bob.sign_in().await;
    let of_bob = bob.set_up_authenticator(&server.clock).await.recovery_codes[0].clone();
    for wrong in [enrolled.app.wrong_code(), used, of_bob, "BDJW-DSXQ".to_owned(), "x".repeat(65)] {
        must_be_wrong(&ada.enter_second_factor(&wrong).await);
    }
}

#[tokio::test]
async fn five_wrong_codes_close_the_account_to_codes_from_anywhere() {
    let server = TestServer::behind_a_proxy().await;
    let ada = server.ada().await.forwarded_for("198.51.100.1");
    ada.sign_in().await;
    let enrolled = ada.set_up_authenticator(&server.clock).await;
    for host in 0..5 {
        let attacker = ada.forwarded_for(&format!("203.0.113.{host}"));
        attacker.sign_in().await;
        must_be_wrong(&attacker.enter_second_factor(&enrolled.app.wrong_code()).await);
    }
    let home = ada.forwarded_for("198.51.100.1");
    home.sign_in().await;
    let page = home.enter_second_factor(&enrolled.app.next_code()).await;
    assert_eq!(page.status, 429, "{page:?}");
    assert!(page.shows("code-error-too-many"), "{page:?}");
    assert!(!page.header("retry-after").is_empty());
    assert_eq!(server.audited("second_factor.checked", "refused").await, 6);
    server.clock.advance(600.0);
    home.sign_in().await;
    must_be_in(&home.enter_second_factor(&enrolled.app.code()).await);
}

#[tokio::test]
async fn after_a_hundred_wrong_codes_only_known_browsers_may_enter_one() {
    let (server, ada, enrolled) = enrolled().await;
    ada.sign_in().await;
    must_be_in(&ada.enter_second_factor(&enrolled.app.next_code()).await);
    let stranger = ada.at_another_browser();
    server.execute("UPDATE users SET failed_sign_ins = 99").await;
    stranger.sign_in().await;
    must_be_wrong(&stranger.enter_second_factor(&enrolled.app.wrong_code()).await);
    assert_eq!(server.audited("sign_in.unknown_browsers_refused", "success").await, 1);
    // The password was right before, and the code is now; neither is taken there any more.
    must_be_wrong(&stranger.enter_second_factor(&enrolled.app.next_code()).await);
    assert_eq!(ada.at_another_browser().sign_in().await.status, 400);
    assert!(ada.visit("/device").await.says("Signed in as"));
    ada.sign_out().await;
    ada.sign_in().await;
    must_be_in(&ada.enter_second_factor(&enrolled.app.next_code()).await);
}

#[tokio::test]
async fn wrong_codes_elsewhere_leave_a_known_browser_its_own_tries() {
    let (server, ada, enrolled) = enrolled().await;
    ada.sign_in().await;
    must_be_in(&ada.enter_second_factor(&enrolled.app.next_code()).await);
    ada.sign_out().await;
    let thief = ada.at_another_browser();
    thief.sign_in().await;
    for _ in 0..5 {
        must_be_wrong(&thief.enter_second_factor(&enrolled.app.wrong_code()).await);
    }
    assert_eq!(thief.enter_second_factor(&enrolled.app.wrong_code()).await.status, 429);
    ada.sign_in().await;
    must_be_in(&ada.enter_second_factor(&enrolled.app.next_code()).await);
    assert_eq!(server.audited("sign_in", "success").await, 3);
}

#[tokio::test]
async fn a_recovery_code_stands_in_for_the_app_once() {
    let (server, ada, enrolled) = enrolled().await;
    let code = &enrolled.recovery_codes[3];
    ada.sign_in().await;
    must_be_in(&ada.enter_second_factor(&code.to_lowercase()).await);
    assert_eq!(server.audited("recovery_code.used", "success").await, 1);
    let nine = words::t("security-recovery-codes").number("count", 9);
    assert!(ada.visit("/account/security").await.says(&nine.to_string()));
    let other = ada.at_another_browser();
    other.sign_in().await;
    must_be_wrong(&other.enter_second_factor(code).await);
    must_be_in(&other.enter_second_factor(&enrolled.recovery_codes[4]).await);
}

#[tokio::test]
async fn new_recovery_codes_take_the_place_of_the_old_ones() {
    let (_server, ada, enrolled) = enrolled().await;
    ada.sign_in().await;
    ada.enter_second_factor(&enrolled.app.next_code()).await;
    let path = "/account/security/recovery-codes";
    let form = ada.visit(path).await;
    must_be_wrong(&ada.submit(&form, path, &[("code", &enrolled.app.wrong_code())]).await);
    let page = ada.submit(&form, path, &[("code", &enrolled.app.next_code())]).await;
    assert_eq!(page.html.matches("<li><code>").count(), 10, "{page:?}");
    let other = ada.at_another_browser();
    other.sign_in().await;
    must_be_wrong(&other.enter_second_factor(&enrolled.recovery_codes[0]).await);
}

#[tokio::test]
async fn an_app_is_removed_for_a_right_code_and_a_fresh_sign_in() {
    let (server, ada, enrolled) = enrolled().await;
    ada.sign_in().await;
    ada.enter_second_factor(&enrolled.app.next_code()).await;
    let path = "/account/security/remove-authenticator";
    let form = ada.visit(path).await;
    must_be_wrong(&ada.submit(&form, path, &[("code", &enrolled.app.wrong_code())]).await);
    server.clock.advance(901.0);
    let stale = ada.submit(&form, path, &[("code", &enrolled.app.code())]).await;
    assert_eq!(stale.location, "/sign-in", "{stale:?}");
    ada.submit(&stale, "/sign-in", &[("username", "ada"), ("password", &ada.password)]).await;
    let back = ada.enter_second_factor(&enrolled.app.next_code()).await;
    assert_eq!(back.location, "/account/security", "{back:?}");
    let form = ada.visit(path).await;
    let gone = ada.submit(&form, path, &[("code", &enrolled.recovery_codes[0])]).await;
    assert!(gone.is_titled("removal-done-title"), "{gone:?}");
    assert_eq!(server.audited("second_factor.removed", "success").await, 1);
    assert_eq!(server.count("SELECT count(*) FROM recovery_codes").await, 0);
    must_be_in(&ada.at_another_browser().sign_in().await);
}

#[tokio::test]
async fn an_operator_removes_the_app_of_somebody_who_has_lost_everything() {
    let (server, ada, _) = enrolled().await;
    ada.sign_in().await;
    assert!(remove::reset(&server.app, DEFAULT_TENANT, "ada", &By::OPERATOR).await.expect("she exists"));
    assert_eq!(ada.visit("/sign-in/code").await.location, "/sign-in");
    must_be_in(&ada.sign_in().await);
    assert!(!remove::reset(&server.app, DEFAULT_TENANT, "ada", &By::OPERATOR).await.expect("she exists"));
    assert!(remove::reset(&server.app, DEFAULT_TENANT, "nobody", &By::OPERATOR).await.is_err());
}

#[tokio::test]
async fn a_session_from_before_the_app_cannot_change_how_its_person_signs_in() {
    let (server, ada, enrolled) = enrolled().await;
    remove::reset(&server.app, DEFAULT_TENANT, "ada", &By::OPERATOR).await.expect("she exists");
    ada.sign_in().await;
    let other = ada.at_another_browser();
    other.sign_in().await;
    let again = other.set_up_authenticator(&server.clock).await;
    assert_eq!(ada.visit("/account/security/password").await.location, "/sign-in");
    assert_ne!(again.recovery_codes, enrolled.recovery_codes);
}

#[tokio::test]
async fn tokens_tell_how_their_person_signed_in() {
    let (server, ada, enrolled) = enrolled().await;
    let tv = server.tv().await;
    let bob = server.person("bob", &[]).await;
    let tokens = tv.connect(&bob, "openid").await;
    for token in ["access_token", "id_token"] {
        let (_, claims) = jwt::verify(&server, &server.base, &tokens.string(token)).await;
        assert_eq!(claims["acr"], "urn:latchkey:acr:1fa", "{claims}");
        assert_eq!(claims["amr"], serde_json::json!(["pwd"]), "{claims}");
    }
    ada.sign_in().await;
    ada.enter_second_factor(&enrolled.app.next_code()).await;
    let tokens = tv.connect(&ada, "openid").await;
    for token in ["access_token", "id_token"] {
        let (_, claims) = jwt::verify(&server, &server.base, &tokens.string(token)).await;
        assert_eq!(claims["acr"], "urn:latchkey:acr:2fa", "{claims}");
        assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]), "{claims}");
    }
}

#[tokio::test]
async fn neither_the_key_nor_a_recovery_code_is_in_the_database() {
    let (server, _, enrolled) = enrolled().await;
    let rows = format!("{:?}", server.rows().await);
    for code in &enrolled.recovery_codes {
        assert!(!rows.contains(code) && !rows.contains(&code.replace('-', "")), "{code}");
    }
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT secret_sealed FROM totp_secrets")
        .fetch_one(&server.app.db)
        .await
        .expect("a key");
    let (ada, bob) = (server.user_id("ada").await, latchkey::model::ids::UserId(uuid::Uuid::nil()));
    let opened =
        |user| server.app.secrets.database.open(&sealed, &format!("totp secret {DEFAULT_TENANT} {user}"));
    assert_eq!(opened(ada).expect("our own key opens it").len(), 20);
    assert!(opened(bob).is_err());
}
