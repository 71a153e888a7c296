//! Many refresh at once: a device never has two tokens that can be exchanged, and a revoked one none.

use tokio::task::JoinSet;

use crate::support::{Answer, Device, TestServer};

const OFFLINE: &str = "openid offline_access";
const LIVE: &str = "SELECT count(*) FROM devices WHERE revoked_at IS NULL";

/// Uses these tokens at once, each through the next of these devices.
async fn refresh_at_once(devices: &[Device], tokens: &[String]) -> Vec<Answer> {
    let mut refreshes = JoinSet::new();
    for (device, token) in devices.iter().cycle().zip(tokens) {
        let (device, token) = (device.clone(), token.clone());
        refreshes.spawn(async move { device.refresh(&token).await });
    }
    refreshes.join_all().await
}

#[tokio::test]
async fn many_refreshes_at_once_at_two_servers_all_get_the_one_next_token() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let there = tv.at(&replica.base);
    let token = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    let answers = refresh_at_once(&[tv.clone(), there], &vec![token; 50]).await;
    let next = answers[0].must_be_tokens().string("refresh_token");
    for answer in &answers {
        assert_eq!(answer.must_be_tokens().string("refresh_token"), next);
    }
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE generation = 2").await, 1);
    assert_eq!(server.audited("token.refreshed", "success").await, 50);
    let exchanges = "SELECT count(*) FROM audit_events
                     WHERE action = 'token.refreshed' AND NOT details ? 'repeated'";
    assert_eq!(server.count(exchanges).await, 1);
    tv.refresh(&next).await.must_be_tokens();
    assert_eq!(server.count(LIVE).await, 1);
    assert_eq!(server.audited("token_family.revoked", "success").await, 0);
}

#[tokio::test]
async fn two_programs_of_one_device_that_refresh_at_once_both_get_tokens() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for _ in 0..10 {
        let token = tv.connect(&ada, OFFLINE).await.string("refresh_token");
        let answers = refresh_at_once(std::slice::from_ref(&tv), &[token.clone(), token]).await;
        let received = |answer: &Answer| answer.must_be_tokens().string("refresh_token");
        assert_eq!(received(&answers[0]), received(&answers[1]));
    }
    assert_eq!(server.count(LIVE).await, 10);
}

#[tokio::test]
async fn a_refresh_beside_the_reuse_of_its_predecessor_leaves_no_live_token() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for _ in 0..5 {
        let old = tv.connect(&ada, OFFLINE).await.string("refresh_token");
        let live = tv.refresh(&old).await.string("refresh_token");
        server.clock.advance(120.0);
        let answers = refresh_at_once(std::slice::from_ref(&tv), &[old, live.clone()]).await;
        for answer in answers.iter().filter(|answer| answer.status == 200) {
            let successor = answer.must_be_tokens().string("refresh_token");
            tv.refresh(&successor).await.must_be_error("invalid_grant");
        }
        tv.refresh(&live).await.must_be_error("invalid_grant");
        assert_eq!(server.count(LIVE).await, 0);
    }
    assert_eq!(server.audited("token_family.revoked", "success").await, 5);
}

#[tokio::test]
async fn a_refresh_beside_the_replay_of_its_device_code_leaves_no_live_token() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for _ in 0..5 {
        let started = tv.start(OFFLINE).await;
        ada.approve(&started.user_code).await;
        let token = tv.poll(&started).await.string("refresh_token");
        server.clock.advance(60.0);
        let (refreshed, replayed) = tokio::join!(tv.refresh(&token), tv.poll(&started));
        replayed.must_be_error("invalid_grant");
        if refreshed.status == 200 {
            tv.refresh(&refreshed.string("refresh_token")).await.must_be_error("invalid_grant");
        }
        assert_eq!(server.count(LIVE).await, 0);
    }
}
