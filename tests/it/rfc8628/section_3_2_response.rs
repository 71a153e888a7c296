//! RFC 8628 §3.2: the codes and what comes with them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use latchkey::random::Random;

use crate::support::TestServer;

#[tokio::test]
async fn the_answer_has_every_member_in_its_right_type() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    let answer = tv.ask(&[("scope", "openid")]).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.json["expires_in"].as_u64(), Some(600));
    assert_eq!(answer.json["interval"].as_u64(), Some(5));
    let (uri, code) = (answer.string("verification_uri"), answer.string("user_code"));
    assert_eq!(uri, format!("{}/device", server.base));
    assert_eq!(answer.string("verification_uri_complete"), format!("{uri}?user_code={code}"));
    assert_eq!(answer.json.as_object().unwrap().len(), 6, "{answer:?}");
}

#[tokio::test]
async fn lifetime_and_interval_are_as_set() {
    let server = TestServer::with(|config| {
        config.device_flow.code_lifetime_seconds = 300;
        config.device_flow.poll_interval_seconds = 7;
        config.device_flow.verification_uri_complete = false;
    })
    .await;
    let tv = server.tv().await;
    let answer = tv.ask(&[]).await;
    assert_eq!(answer.json["expires_in"], 300);
    assert_eq!(answer.json["interval"], 7);
    assert!(answer.json.get("verification_uri_complete").is_none(), "{answer:?}");
    server.clock.advance(299.9);
    let code = answer.string("device_code");
    tv.poll_code(&code, &[]).await.must_be_error("authorization_pending");
    server.clock.advance(0.1);
    tv.poll_code(&code, &[]).await.must_be_error("expired_token");
}

#[tokio::test]
async fn user_codes_are_eight_consonants_in_two_groups() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    for _ in 0..10 {
        let code = tv.start("openid").await.user_code;
        // RFC 8628 §6.1
        let (left, right) = code.split_once('-').expect("two groups");
        assert_eq!((left.len(), right.len()), (4, 4), "{code}");
        assert!([left, right].concat().bytes().all(|byte| b"BCDFGHJKLMNPQRSTVWXZ".contains(&byte)), "{code}");
    }
}

#[tokio::test]
async fn the_device_code_is_long_and_appears_nowhere_on_the_persons_side() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (one, two) = (tv.start("openid").await, tv.start("openid").await);
    assert_ne!(one.device_code, two.device_code);
    // 256 bits in base 62.
    assert!(one.device_code.len() >= 43, "{}", one.device_code);
    assert!(!one.verification_uri_complete.contains(&one.device_code));
    let consent = ada.open(&one.user_code).await;
    let done = ada.decide(&consent, "approve").await;
    for page in [consent, done] {
        assert!(!page.says(&one.device_code), "{page:?}");
        assert!(!page.location.contains(&one.device_code), "{page:?}");
    }
}

#[tokio::test]
async fn every_device_sends_its_person_to_the_same_address() {
    let server = TestServer::start().await;
    let (tv, other) = (server.tv().await, server.public_client("other", "openid").await);
    let (one, two) = (tv.start("openid").await, other.start("openid").await);
    assert_eq!(one.verification_uri, two.verification_uri);
    assert!(!one.verification_uri.contains(&one.user_code));
    let page = server.ada().await.visit(&one.verification_uri).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn both_codes_die_together() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    server.clock.advance(600.0);
    tv.poll(&started).await.must_be_error("expired_token");
    ada.sign_in().await;
    let page = ada.enter(&started.user_code).await;
    assert!(!page.location.ends_with("/device/consent"), "{page:?}");
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations WHERE opened_count > 0").await, 0);
}

#[tokio::test]
async fn a_user_code_that_is_taken_is_drawn_again() {
    // Each start draws 64 bytes for each user code that it tries: the first two draws give the same, the third another.
    let draws = Arc::new(AtomicUsize::new(0));
    let (counter, system) = (Arc::clone(&draws), Random::system());
    let random = Random::from_fn(move |bytes| {
        system.fill(bytes);
        if bytes.len() == 64 && counter.fetch_add(1, Ordering::SeqCst) < 2 {
            bytes.fill(0);
        }
    });
    let server = TestServer::with_random(random, |_| ()).await;
    let tv = server.tv().await;
    let (one, two) = (tv.start("openid").await, tv.start("openid").await);
    assert_eq!(one.user_code, "BBBB-BBBB");
    assert_ne!(two.user_code, one.user_code);
    assert_eq!(draws.load(Ordering::SeqCst), 3);
    for started in [&one, &two] {
        tv.poll(started).await.must_be_error("authorization_pending");
    }
}

#[tokio::test]
async fn of_starts_at_once_that_draw_the_same_user_code_each_gets_one_of_its_own() {
    const STARTS: usize = 16;
    let draws = Arc::new(AtomicUsize::new(0));
    let (counter, system) = (Arc::clone(&draws), Random::system());
    let random = Random::from_fn(move |bytes| {
        system.fill(bytes);
        if bytes.len() == 64 && counter.fetch_add(1, Ordering::SeqCst) < STARTS {
            bytes.fill(0);
        }
    });
    let server = TestServer::with_random(random, |_| ()).await;
    let tv = server.tv().await;
    let started = futures_util::future::join_all((0..STARTS).map(|_| tv.start("openid"))).await;
    let codes: BTreeSet<_> = started.iter().map(|started| started.user_code.as_str()).collect();
    assert_eq!(codes.len(), STARTS, "{codes:?}");
    assert!(codes.contains("BBBB-BBBB"), "{codes:?}");
}

#[tokio::test]
async fn a_used_user_code_is_not_issued_again_while_its_session_is_kept() {
    // Every draw of a user code gives the same.
    let system = Random::system();
    let random = Random::from_fn(move |bytes| {
        system.fill(bytes);
        if bytes.len() == 64 {
            bytes.fill(0);
        }
    });
    let server = TestServer::with_random(random, |_| ()).await;
    let tv = server.tv().await;
    tv.start("openid").await;
    server.clock.advance(601.0);
    let answer = tv.ask(&[]).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(answer.error(), "server_error");
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 1);
}

#[tokio::test]
async fn codes_become_longer_while_many_are_waiting() {
    let server = TestServer::start().await;
    let tv = server.tv().await;
    assert_eq!(tv.start("openid").await.user_code.len(), "XXXX-XXXX".len());
    // RFC 8628 §5.1: 1 000 guesses at 257 codes of 8 characters would hit one more often than once in 100 000.
    server
        .execute(
            "INSERT INTO device_authorizations (id, tenant_id, client_id, device_code_hash, user_code_mac, user_code_sealed,
                                          created_at, expires_at, interval_seconds)
             SELECT gen_random_uuid(), tenant_id, client_id, sha256(n::text::bytea), sha256(n::text::bytea), '',
                    created_at, created_at + interval '10 minutes', 5
             FROM device_authorizations, generate_series(1, 256) AS n",
        )
        .await;
    server.clock.advance(3.0);
    assert_eq!(tv.start("openid").await.user_code.len(), "XXX-XXX-XXX".len());
}
