//! Approving and declining: once, by the person who was asked, for what they were shown (RFC 8628 §3.3).

use latchkey::domain::audit::By;
use latchkey::domain::users;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::user::Standing;
use tokio::task::JoinSet;

use super::sessions_in;
use crate::support::{Page, TestServer, words};

#[track_caller]
fn must_be_handled_already(page: &Page) {
    assert_eq!(page.status, 409, "{page:?}");
    assert!(page.is_titled("consent-handled-title"), "{page:?}");
}

#[track_caller]
fn must_be_out_of_date(page: &Page) {
    assert_eq!(page.status, 403, "{page:?}");
    assert!(page.is_titled("notice-foreign-form-title"), "{page:?}");
}

#[tokio::test]
async fn a_decision_that_is_sent_again_gets_the_same_answer_and_counts_once() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    for _ in 0..2 {
        assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));
    }
    assert_eq!(server.audited("device_authorization.approved", "success").await, 1);
    tv.poll(&started).await.must_be_tokens();
    assert!(ada.decide(&consent, "approve").await.says("Your device is connected"));

    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    for _ in 0..2 {
        assert!(ada.decide(&consent, "deny").await.says("Declined"));
    }
    assert_eq!(server.audited("device_authorization.denied", "success").await, 1);
    tv.poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn an_approval_sent_again_in_another_shape_or_from_elsewhere_is_handled_already() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    let consent = ada.open(&started.user_code).await;
    let approve = async |consent: &Page, name: &str| {
        ada.submit(consent, "/device/consent", &[("decision", "approve"), ("device_name", name)]).await
    };
    assert!(approve(&consent, "Kitchen").await.says("Your device is connected"));
    must_be_handled_already(&approve(&consent, "Cellar").await);
    assert!(approve(&consent, "Kitchen").await.says("Your device is connected"));
    let elsewhere = ada.at_another_browser();
    elsewhere.sign_in().await;
    assert_eq!(elsewhere.decide(&consent, "approve").await.status, 403);
    // What was taken back, or revoked, does not hold, however often it is sent.
    let tokens = tv.poll(&started).await;
    let refresh_token = tokens.must_be_tokens().string("refresh_token");
    assert_eq!(tv.post("/oauth/revoke", &[("token", &refresh_token)]).await.status, 200);
    must_be_handled_already(&approve(&consent, "Kitchen").await);
    let disowned = tv.start("openid").await;
    let consent = ada.open(&disowned.user_code).await;
    ada.decide(&consent, "approve").await;
    assert_eq!(ada.submit(&consent, "/device/report", &[]).await.status, 200);
    must_be_handled_already(&ada.decide(&consent, "approve").await);
    must_be_handled_already(&ada.decide(&consent, "deny").await);
}

#[tokio::test]
async fn of_two_tabs_the_first_decides() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for (first, second, outcome) in [("approve", "deny", None), ("deny", "approve", Some("access_denied"))] {
        let started = tv.start("openid").await;
        let tabs = [ada.open(&started.user_code).await, ada.open(&started.user_code).await];
        ada.decide(&tabs[0], first).await;
        must_be_handled_already(&ada.decide(&tabs[1], second).await);
        let answer = tv.poll(&started).await;
        match outcome {
            None => answer.must_be_tokens(),
            Some(error) => answer.must_be_error(error),
        };
    }
}

#[tokio::test]
async fn a_tab_decides_on_the_device_it_shows_or_on_none() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (first, second) = (tv.start("openid").await, tv.start("openid").await);
    let stale = ada.open(&first.user_code).await;
    let current = ada.open(&second.user_code).await;
    must_be_handled_already(&ada.decide(&stale, "approve").await);
    assert_eq!(sessions_in(&server, "pending").await, 2);
    ada.decide(&current, "approve").await;
    tv.poll(&first).await.must_be_error("authorization_pending");
    tv.poll(&second).await.must_be_tokens();
}

#[tokio::test]
async fn a_code_is_open_for_one_account_at_a_time() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let bob = server.person("bob", &[]).await;
    let started = tv.start("openid").await;
    ada.open(&started.user_code).await;
    bob.sign_in().await;
    assert!(bob.enter(&started.user_code).await.shows("device-error-held-elsewhere"));
    assert_eq!(bob.visit("/device/consent").await.location, "/device");
    ada.sign_out().await;
    bob.approve(&started.user_code).await;
    let token = tv.poll(&started).await.string("access_token");
    let (_, claims) = crate::support::jwt::verify(&server, &server.base, &token).await;
    assert_eq!(claims["sub"], server.user_id("bob").await.to_string());
}

#[tokio::test]
async fn nobody_decides_on_what_another_was_shown() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let bob = server.person("bob", &[]).await;
    let (hers, his) = (tv.start("openid").await, tv.start("openid").await);
    let shown_to_ada = ada.open(&hers.user_code).await.form("/device/consent");
    let shown_to_bob = bob.open(&his.user_code).await;
    let (id, token) = (&shown_to_ada["session_id"], &shown_to_ada["decision_token"]);
    let forgeries: [&[(&str, &str)]; 3] = [
        &[("session_id", id)],
        &[("session_id", id), ("decision_token", token)],
        &[("decision_token", token)],
    ];
    for forged in forgeries {
        for decision in ["approve", "deny"] {
            let fields = [forged, &[("decision", decision)]].concat();
            must_be_out_of_date(&bob.submit(&shown_to_bob, "/device/consent", &fields).await);
        }
    }
    assert_eq!(sessions_in(&server, "pending").await, 2);
}

#[tokio::test]
async fn a_decision_for_one_device_is_none_for_another_of_the_same_person() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = ada.open(&tv.start("openid").await.user_code).await;
    let second = ada.open(&tv.start("openid").await.user_code).await;
    let token = &first.form("/device/consent")["decision_token"];
    let fields = [("decision_token", token.as_str()), ("decision", "approve")];
    must_be_out_of_date(&ada.submit(&second, "/device/consent", &fields).await);
    assert_eq!(sessions_in(&server, "pending").await, 2);
}

#[tokio::test]
async fn switching_the_account_voids_the_question_and_asks_the_new_one() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let bob = server.person("bob", &[]).await;
    let started = tv.start("openid").await;
    let asked_ada = ada.open(&started.user_code).await;
    let sign_in = ada.submit(&asked_ada, "/sign-out", &[]).await;
    assert!(sign_in.says(&started.user_code), "the code is lost: {sign_in:?}");
    let credentials = [("username", bob.username.as_str()), ("password", bob.password.as_str())];
    let asked_bob = ada.submit(&sign_in, "/sign-in", &credentials).await;
    assert!(asked_bob.says("<bdi translate=\"no\">bob</bdi>"), "{asked_bob:?}");
    must_be_out_of_date(&ada.decide(&asked_ada, "approve").await);
    assert_eq!(sessions_in(&server, "pending").await, 1);
}

#[tokio::test]
async fn a_session_that_has_ended_approves_nothing() {
    let server = TestServer::with(|config| config.sign_in.idle_seconds = 60).await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    server.clock.advance(61.0);
    let page = ada.decide(&consent, "approve").await;
    assert_eq!(page.location, "/sign-in", "{page:?}");
    let consent = ada.open(&started.user_code).await;
    ada.sign_out().await;
    must_be_out_of_date(&ada.decide(&consent, "approve").await);
    tv.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn a_late_decision_wakes_no_session_that_is_over() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    ada.decide(&consent, "approve").await;
    tv.poll(&started).await.must_be_tokens();
    must_be_handled_already(&ada.decide(&consent, "deny").await);
    assert_eq!(sessions_in(&server, "consumed").await, 1);
    tv.poll(&started).await.must_be_error("invalid_grant");

    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    server.clock.advance(600.0);
    must_be_handled_already(&ada.decide(&consent, "approve").await);
    tv.poll(&started).await.must_be_error("expired_token");
}

#[tokio::test]
async fn approvals_denials_and_polls_at_once_end_in_one_state() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    let (mut decisions, mut polls) = (JoinSet::new(), JoinSet::new());
    for number in 0..16 {
        let (ada, consent) = (ada.clone(), consent.clone());
        let decision = if number % 2 == 0 { "approve" } else { "deny" };
        decisions.spawn(async move { (decision, ada.decide(&consent, decision).await.status.as_u16()) });
        let (tv, started) = (tv.clone(), started.clone());
        polls.spawn(async move { tv.poll(&started).await });
    }
    let decisions = decisions.join_all().await;
    let mut polls = polls.join_all().await;
    polls.push(tv.poll(&started).await);
    let taken: Vec<_> = decisions.iter().filter(|(_, status)| *status == 200).collect();
    let tokens = polls.iter().filter(|answer| answer.status == 200).count();
    let of_one_kind = taken.iter().all(|(decision, _)| *decision == taken[0].0);
    assert!(!taken.is_empty() && of_one_kind, "{decisions:?}");
    let counted = server.audited("device_authorization.approved", "success").await
        + server.audited("device_authorization.denied", "success").await;
    assert_eq!(counted, 1, "{decisions:?}");
    assert!(decisions.iter().all(|(_, status)| [200, 409].contains(status)), "{decisions:?}");
    let (collected, state) = if taken[0].0 == "approve" { (1, "consumed") } else { (0, "denied") };
    assert_eq!((tokens, sessions_in(&server, state).await), (collected, 1), "{decisions:?} {polls:?}");
}

#[tokio::test]
async fn fields_added_to_the_form_enlarge_nothing() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let shop = server.public_client("shop", "openid email billing offline_access").await;
    let ada = server.person("ada", &["accountant"]).await;
    let started = shop.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    let more = "openid email billing offline_access";
    let fields = ["scope", "scopes", "scope[]", "granted_scopes", "requested_scopes", "user_id", "client_id"];
    let mut answers: Vec<_> = fields.into_iter().map(|name| (name, more)).collect();
    answers.push(("decision", "approve"));
    assert!(ada.submit(&consent, "/device/consent", &answers).await.says("Your device is connected"));
    let tokens = shop.poll(&started).await;
    assert_eq!(tokens.must_be_tokens().json["scope"], "openid", "{tokens:?}");
    assert!(tokens.json.get("refresh_token").is_none(), "{tokens:?}");
}

#[tokio::test]
async fn a_form_without_a_decision_decides_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let consent = ada.open(&tv.start("openid").await.user_code).await;
    for decision in ["", "yes", "APPROVE", "approve "] {
        must_be_out_of_date(&ada.decide(&consent, decision).await);
    }
    assert_eq!(sessions_in(&server, "pending").await, 1);
}

#[tokio::test]
async fn a_right_lost_between_question_and_answer_is_not_granted() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let shop = server.public_client("shop", "openid billing").await;
    let ada = server.person("ada", &["accountant"]).await;
    let started = shop.start("openid billing").await;
    let consent = ada.open(&started.user_code).await;
    assert!(consent.says("Words for billing"));
    sqlx::query("UPDATE users SET roles = '{}'").execute(&server.app.db).await.expect("a change");
    // What she chose from is not what there is: she is asked once more, and no more is granted.
    let asked_again = ada.decide(&consent, "approve").await;
    assert_eq!(asked_again.location, "/device/consent", "{asked_again:?}");
    let (on_offer, withheld) = asked_again
        .html
        .split_once(&words::t("consent-withheld").to_string())
        .expect("a list of what is withheld");
    assert!(!on_offer.contains("Words for billing"), "{asked_again:?}");
    assert!(withheld.contains("Words for billing"), "{asked_again:?}");
    ada.decide(&asked_again, "approve").await;
    assert_eq!(shop.poll(&started).await.string("scope"), "openid");
}

#[tokio::test]
async fn a_right_lost_between_approval_and_redemption_is_not_in_the_tokens() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let shop = server.public_client("shop", "openid offline_access billing").await;
    let ada = server.person("ada", &["accountant"]).await;
    let started = shop.start("openid offline_access billing").await;
    ada.approve(&started.user_code).await;
    sqlx::query("UPDATE users SET roles = '{}'").execute(&server.app.db).await.expect("a change");
    assert_eq!(shop.poll(&started).await.string("scope"), "offline_access openid");
}

#[tokio::test]
async fn an_app_disabled_between_question_and_answer_gets_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let consent = ada.open(&tv.start("openid").await.user_code).await;
    server.change_client("tv", |client| client.enabled = false).await;
    must_be_handled_already(&ada.decide(&consent, "approve").await);
    assert_eq!(sessions_in(&server, "approved").await, 0);
}

#[tokio::test]
async fn a_person_disabled_after_approving_gives_the_device_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for standing in [Standing::Disabled, Standing::Locked] {
        let started = tv.start("openid offline_access").await;
        ada.approve(&started.user_code).await;
        users::set_standing(&server.app, DEFAULT_TENANT, "ada", standing, &By::OPERATOR)
            .await
            .expect("a change");
        tv.poll(&started).await.must_be_error("access_denied");
        users::set_standing(&server.app, DEFAULT_TENANT, "ada", Standing::Good, &By::OPERATOR)
            .await
            .expect("a change");
    }
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 0);
}
