//! RFC 8628 §3.5: what a polling device is told.

use latchkey::config::Coherence;
use latchkey::domain::device_flow::bookkeeping::write_polls;
use latchkey::model::client::{AuthMethod, Client};
use tokio::task::JoinSet;

use crate::support::device::Proof;
use crate::support::{TestServer, jwt, until};

#[tokio::test]
async fn a_device_that_waits_for_its_person_gets_its_tokens_once() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid profile offline_access").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    tokens.must_be_tokens();
    let (header, claims) = jwt::verify(&server, &server.base, &tokens.string("access_token")).await;
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(claims["sub"], server.user_id("ada").await.to_string());
    tv.poll(&started).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_device_that_polls_too_fast_must_wait_five_seconds_longer() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.clock.advance(2.0);
    tv.poll(&started).await.must_be_error("slow_down");
    server.clock.advance(5.0);
    tv.poll(&started).await.must_be_error("slow_down");
    server.clock.advance(15.0);
    tv.poll(&started).await.must_be_error("authorization_pending");
}

/// In both modes of the server.
#[tokio::test]
async fn a_poll_that_is_sent_again_with_another_authentication_is_not_counted() {
    for coherence in [Coherence::Notify, Coherence::ReadThrough] {
        let server = TestServer::with(|config| config.sessions.coherence = coherence).await;
        let secret = |client: &mut Client| client.auth_method = AuthMethod::ClientSecretBasic;
        let confidential = server.client("box", "openid", secret).await;
        let Proof::Basic(secret) = confidential.proof.clone() else { panic!("it has a secret") };
        let public = server.tv().await;
        for (header, body) in [
            (confidential.clone(), confidential.with_proof(Proof::Post(secret))),
            (public.with_proof(Proof::Basic(String::new())), public.clone()),
        ] {
            let started = header.start("openid").await;
            // As golang.org/x/oauth2 does on every poll, as long as no tokens come.
            for _ in 0..5 {
                header.poll(&started).await.must_be_error("authorization_pending");
                server.clock.advance(1.5);
                body.poll(&started).await.must_be_error("authorization_pending");
                server.clock.advance(3.5);
            }
            let count =
                "SELECT poll_count FROM device_authorizations ORDER BY created_at DESC, id DESC LIMIT 1";
            until("the polls are written", async || {
                write_polls(&server.app, 1_000).await.expect("the database answers");
                server.count(count).await >= 5
            })
            .await;
            assert_eq!(server.count(count).await, 5, "{coherence:?}");
            // The answer of an early poll is repeated, and the interval not raised again.
            server.clock.advance(-4.0);
            header.poll(&started).await.must_be_error("slow_down");
            body.poll(&started).await.must_be_error("slow_down");
            server.clock.advance(10.0);
            header.poll(&started).await.must_be_error("authorization_pending");
            // A second one is an ordinary poll.
            body.poll(&started).await.must_be_error("authorization_pending");
            header.poll(&started).await.must_be_error("slow_down");
            // So is one with the same authentication, and one that comes later.
            server.clock.advance(15.0);
            header.poll(&started).await.must_be_error("authorization_pending");
            header.poll(&started).await.must_be_error("slow_down");
            server.clock.advance(20.0);
            header.poll(&started).await.must_be_error("authorization_pending");
            server.clock.advance(2.1);
            body.poll(&started).await.must_be_error("slow_down");
        }
    }
}

#[tokio::test]
async fn a_failed_authentication_is_no_poll() {
    let server = TestServer::start().await;
    let secret = |client: &mut Client| client.auth_method = AuthMethod::ClientSecretBasic;
    let device = server.client("box", "openid", secret).await;
    let started = device.start("openid").await;
    let wrong = device.with_proof(Proof::Post("wrong".to_owned()));
    for _ in 0..3 {
        wrong.poll(&started).await.must_be_error("invalid_client");
        device.poll(&started).await.must_be_error("authorization_pending");
        wrong.poll(&started).await.must_be_error("invalid_client");
        server.clock.advance(5.0);
    }
}

#[tokio::test]
async fn a_device_that_waits_exactly_its_interval_is_never_slowed_down_by_jitter() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    // 590 seconds in steps of 5, each arriving up to 300 ms early or late.
    for jitter in [0.0, 0.3, -0.3, 0.15, -0.15].into_iter().cycle().take(118) {
        server.clock.advance(jitter);
        tv.poll(&started).await.must_be_error("authorization_pending");
        server.clock.advance(5.0 - jitter);
    }
}

#[tokio::test]
async fn a_raised_interval_holds_on_every_replica_and_ends_at_a_minute() {
    let server = TestServer::with(|config| config.sessions.coherence = Coherence::ReadThrough).await;
    let replica = server.replica().await;
    let tv = server.tv().await;
    let there = tv.at(&replica.base);
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    there.poll(&started).await.must_be_error("slow_down");
    server.clock.advance(8.0);
    tv.poll(&started).await.must_be_error("slow_down");
    server.clock.advance(15.0);
    there.poll(&started).await.must_be_error("authorization_pending");
    for _ in 0..20 {
        tv.poll(&started).await.must_be_error("slow_down");
    }
    server.clock.advance(60.0);
    there.poll(&started).await.must_be_error("authorization_pending");
}

#[tokio::test]
async fn of_many_polls_at_once_one_is_pending_and_the_others_are_too_fast() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    let mut polls = JoinSet::new();
    for _ in 0..30 {
        let (tv, started) = (tv.clone(), started.clone());
        polls.spawn(async move { tv.poll(&started).await.error().to_owned() });
    }
    let words = polls.join_all().await;
    assert_eq!(words.iter().filter(|word| *word == "authorization_pending").count(), 1, "{words:?}");
    assert_eq!(words.iter().filter(|word| *word == "slow_down").count(), 29, "{words:?}");
    TestServer::have_written_polls(&[&server], 30).await;
}

#[tokio::test]
async fn a_decision_is_told_at_once_also_to_a_device_that_polls_too_fast() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (approved, denied) = (tv.start("openid").await, tv.start("openid").await);
    for started in [&approved, &denied] {
        tv.poll(started).await.must_be_error("authorization_pending");
        tv.poll(started).await.must_be_error("slow_down");
    }
    ada.approve(&approved.user_code).await;
    ada.deny(&denied.user_code).await;
    tv.poll(&approved).await.must_be_tokens();
    tv.poll(&denied).await.must_be_error("access_denied");
}

#[tokio::test]
async fn a_denied_device_is_told_so_as_often_as_it_asks() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.deny(&started.user_code).await;
    tv.poll(&started).await.must_be_error("access_denied");
    tv.poll(&started).await.must_be_error("access_denied");
    server.clock.advance(700.0);
    tv.poll(&started).await.must_be_error("access_denied");
}

#[tokio::test]
async fn a_code_that_nobody_decided_on_in_time_has_expired() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let started = tv.start("openid").await;
    server.clock.advance(599.0);
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.clock.advance(1.0);
    tv.poll(&started).await.must_be_error("expired_token");
    // For a whole further lifetime a late device learns that it was late.
    server.clock.advance(600.0);
    tv.poll(&started).await.must_be_error("expired_token");
}

#[tokio::test]
async fn a_code_approved_at_the_last_moment_can_be_collected_for_a_minute() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (prompt, late) = (tv.start("openid").await, tv.start("openid").await);
    server.clock.advance(599.0);
    ada.approve(&prompt.user_code).await;
    ada.approve(&late.user_code).await;
    server.clock.advance(59.9);
    tv.poll(&prompt).await.must_be_tokens();
    server.clock.advance(0.1);
    tv.poll(&late).await.must_be_error("expired_token");
}

#[tokio::test]
async fn a_clock_set_back_is_not_held_against_the_device() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    tv.poll(&started).await.must_be_error("authorization_pending");
    server.clock.advance(-3600.0);
    tv.poll(&started).await.must_be_error("authorization_pending");
    ada.approve(&started.user_code).await;
    tv.poll(&started).await.must_be_tokens();
    server.clock.advance(-3600.0);
    tv.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE revoked_at IS NOT NULL").await, 0);
}
