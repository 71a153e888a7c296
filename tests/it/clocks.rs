//! Servers whose computers' clocks are wrong: they follow the database's, and agree.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use latchkey::app::App;
use latchkey::clock::Clock;
use latchkey::config::Config;
use latchkey::domain::clock_difference;
use latchkey::domain::dpop::nonce;
use latchkey::domain::tokens_not_before::{Subject, raise};
use latchkey::model::client::{AuthMethod, GrantType};
use latchkey::model::tenant::{DEFAULT_TENANT, TenantSlug};
use latchkey::random::Random;
use latchkey::store::database_clock;
use serde_json::Value;

use crate::support::dpop::start_with;
use crate::support::{Answer, Device, DpopKey, Person, TestServer, database, jwt};

const OFFLINE: &str = "openid offline_access";
/// How many seconds the second server's computer is ahead.
const OFF: [i64; 4] = [2, -2, 300, -300];

/// One server whose clock is right, and one on the same database whose clock is not.
async fn pair(off: i64) -> (TestServer, TestServer) {
    let right = TestServer::hearing().await;
    let wrong = right.replica_that_is_off(off).await;
    (right, wrong)
}

/// Whether somebody is signed in at this browser.
async fn is_signed_in(person: &Person) -> bool {
    person.visit("/device").await.says("Sign out")
}

async fn claims(server: &TestServer, token: &str) -> Value {
    jwt::verify(server, &server.base, token).await.1
}

async fn userinfo(server: &TestServer, token: &str) -> u16 {
    let request = server.http.get(format!("{}/oauth/userinfo", server.base)).bearer_auth(token);
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn an_honest_device_is_not_slowed_down_whichever_server_its_polls_reach() {
    for off in OFF {
        let (right, wrong) = pair(off).await;
        let tv = right.tv().await;
        wrong.hear_all().await;
        let started = tv.start("openid").await;
        for turn in 0..6 {
            let server = if turn % 2 == 0 { &wrong } else { &right };
            tv.at(&server.base).poll(&started).await.must_be_error("authorization_pending");
            right.clock.advance(6.0);
        }
        // Its code lives as long at both.
        right.clock.advance(600.0);
        for server in [&right, &wrong] {
            tv.at(&server.base).poll(&started).await.must_be_error("expired_token");
        }
    }
}

#[tokio::test]
async fn lost_answers_are_repeated_by_the_other_server_and_thefts_are_noticed() {
    for off in OFF {
        let (right, wrong) = pair(off).await;
        let (tv, ada) = (right.tv().await, right.ada().await);
        wrong.hear_all().await;
        for (here, there) in [(&right, &wrong), (&wrong, &right)] {
            let (here, there) = (tv.at(&here.base), tv.at(&there.base));
            let first = here.connect(&ada.at(&here.base), OFFLINE).await.string("refresh_token");
            let second = here.refresh(&first).await.must_be_tokens().string("refresh_token");
            right.clock.advance(40.0);
            assert_eq!(there.refresh(&first).await.must_be_tokens().string("refresh_token"), second);
            right.clock.advance(21.0);
            there.refresh(&first).await.must_be_error("invalid_grant");
        }
    }
}

#[tokio::test]
async fn a_token_of_one_server_counts_at_the_other_for_as_long_as_at_its_own() {
    for off in OFF {
        let (right, wrong) = pair(off).await;
        let (tv, ada, api) = (right.tv().await, right.ada().await, right.api().await);
        wrong.hear_all().await;
        for (here, there) in [(&right, &wrong), (&wrong, &right)] {
            let tokens = tv.at(&here.base).connect(&ada.at(&here.base), OFFLINE).await;
            let token = tokens.string("access_token");
            for server in [here, there] {
                api.at(&server.base).introspect(&token).await.must_be_active();
                assert_eq!(userinfo(server, &token).await, 200);
            }
            right.clock.advance(599.0);
            api.at(&there.base).introspect(&token).await.must_be_active();
            right.clock.advance(2.0);
            for server in [here, there] {
                api.at(&server.base).introspect(&token).await.must_be_inactive();
                assert_eq!(userinfo(server, &token).await, 401);
            }
        }
    }
}

#[tokio::test]
async fn a_token_says_the_time_of_the_computer_that_signed_it() {
    for off in OFF {
        let (right, wrong) = pair(off).await;
        let (tv, ada) = (right.tv().await, right.ada().await);
        wrong.hear_all().await;
        let tokens = tv.at(&wrong.base).connect(&ada.at(&wrong.base), OFFLINE).await;
        let own_now = right.clock.now().timestamp() + off;
        for name in ["access_token", "id_token"] {
            let claims = claims(&right, &tokens.string(name)).await;
            assert_eq!(claims["iat"], own_now, "{name}");
            assert_eq!(claims["exp"].as_i64(), Some(own_now + tokens_live(&wrong, name)), "{name}");
            // Of a sign-in at the other server, but nobody signs in after the token is made.
            assert_eq!(claims["auth_time"], own_now, "{name}");
        }
        // Beside the access token, in the answer, is a span.
        assert_eq!(tokens.json["expires_in"], 600);
    }
}

fn tokens_live(server: &TestServer, name: &str) -> i64 {
    let tokens = &server.app.config.tokens;
    let lifetime =
        if name == "id_token" { tokens.id_lifetime_seconds } else { tokens.access_lifetime_seconds };
    i64::from(lifetime)
}

/// A client that acts for itself.
async fn robot(server: &TestServer) -> Device {
    server
        .client("robot", "openid", |client| {
            client.auth_method = AuthMethod::PrivateKeyJwt;
            client.grant_types = vec![GrantType::ClientCredentials];
        })
        .await
}

async fn own_token(robot: &Device, server: &TestServer) -> Answer {
    let tokens = robot.at(&server.base).token(&[("grant_type", "client_credentials")]).await;
    tokens.must_be_tokens();
    tokens
}

#[tokio::test]
async fn what_was_issued_before_an_instant_is_void_whoever_issued_it() {
    for off in OFF {
        let (right, wrong) = pair(off).await;
        let (robot, api) = (robot(&right).await, right.api().await);
        wrong.hear_all().await;
        let before = own_token(&robot, &wrong).await.string("access_token");
        api.introspect(&before).await.must_be_active();
        right.clock.advance(1.0);
        let subject = Subject::Client("robot".to_owned());
        raise(&right.app, DEFAULT_TENANT, &subject, right.clock.now()).await.expect("it is raised");
        right.clock.advance(1.0);
        let after = own_token(&robot, &wrong).await.string("access_token");
        for server in [&right, &wrong] {
            api.at(&server.base).introspect(&before).await.must_be_inactive();
            api.at(&server.base).introspect(&after).await.must_be_active();
        }
    }
}

#[tokio::test]
async fn proofs_and_one_time_passwords_of_honest_devices_hold_at_a_server_that_is_off_and_only_once() {
    for off in OFF {
        let (right, wrong) = pair(off).await;
        let (tv, ada, key) = (right.tv().await, right.ada().await, DpopKey::new(&right));
        wrong.hear_all().await;
        let tv = tv.with_key(&key);
        for server in [&right, &wrong] {
            tv.at(&server.base).connect_bound(&ada.at(&server.base), OFFLINE).await;
        }
        let proof = key.proof("/oauth/device-authorization");
        let start = async |server: &TestServer| start_with(&tv.at(&server.base), &[&proof]).await;
        assert_eq!(start(&wrong).await.status, 200);
        for server in [&right, &wrong] {
            start(server).await.must_be_error("invalid_dpop_proof");
        }
        // The nonce of one is known to the other.
        let handed_out = nonce::current(&wrong.app, &TenantSlug::root());
        assert!(nonce::accepted(&right.app, &TenantSlug::root()).contains(&handed_out));

        let enrolled = ada.set_up_authenticator(&right.clock).await;
        right.clock.advance(60.0);
        let elsewhere = ada.at_another_browser().at(&wrong.base);
        elsewhere.sign_in().await;
        let code = enrolled.app.code();
        elsewhere.enter_second_factor(&code).await;
        assert!(is_signed_in(&elsewhere).await, "{off}");
        let again = ada.at_another_browser();
        again.sign_in().await;
        again.enter_second_factor(&code).await;
        assert!(!is_signed_in(&again).await, "{off}");
    }
}

#[tokio::test]
async fn people_stay_signed_in_whichever_server_they_reach() {
    for off in OFF {
        let (right, wrong) = pair(off).await;
        let ada = right.ada().await;
        ada.at(&wrong.base).sign_in().await;
        for server in [&right, &wrong] {
            assert!(is_signed_in(&ada.at(&server.base)).await, "{off}");
        }
        let tv = right.tv().await;
        wrong.hear_all().await;
        let started = tv.start("openid").await;
        ada.at(&wrong.base).enter(&started.user_code).await;
        let consent = ada.visit("/device/consent").await;
        ada.decide(&consent, "approve").await;
        tv.at(&wrong.base).poll(&started).await.must_be_tokens();
    }
}

#[tokio::test]
async fn a_server_whose_clock_is_far_off_says_so_and_stays_ready() {
    for (off, warns) in [(2, false), (-2, false), (300, true), (-300, true)] {
        let (right, wrong) = pair(off).await;
        for (server, warns) in [(&right, false), (&wrong, warns)] {
            let answer = server.get("/health/ready").await;
            assert_eq!(answer.status, 200);
            let warnings = answer.json["warnings"].to_string();
            assert_eq!(
                warnings.contains("the clock of this instance is 300.0 s"),
                warns,
                "{off}: {warnings}"
            );
        }
    }
}

#[tokio::test]
async fn the_databases_clock_is_asked() {
    for off in [TimeDelta::minutes(5), TimeDelta::minutes(-5)] {
        let db = database::pool(database::create().await, Duration::from_secs(30));
        let clock = Clock::of_computer(Arc::new(move || present() + off));
        let app = App::new(Config::default(), clock, Random::system(), database::secrets(), db);
        clock_difference::measure(&app).await.expect("the database answers");
        let before = database_clock::read(&app.db).await.expect("the database answers");
        let now = app.clock.now();
        let after = database_clock::read(&app.db).await.expect("the database answers");
        // Half a round trip is the most that it may be wrong by; nobody's takes a minute.
        let leeway = TimeDelta::minutes(1);
        assert!(before - leeway < now && now < after + leeway, "{before} {now} {after}");
        let sentence = clock_difference::concern(&app).expect("a concern");
        assert!(sentence.contains(if off > TimeDelta::zero() { "ahead of" } else { "behind" }), "{sentence}");
    }
}

fn present() -> DateTime<Utc> {
    Clock::system().own_now()
}
