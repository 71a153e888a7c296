//! Many try at once: a code is decided once and redeemed once.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use crate::support::device::Started;
use crate::support::rounds::times;
use crate::support::{Answer, Device, TestServer};

/// Polls a hundred times at once, each time through the next of these devices.
async fn poll_at_once(devices: &[Device], started: &Started) -> Vec<Answer> {
    let mut polls = JoinSet::new();
    for device in devices.iter().cycle().take(100) {
        let (device, started) = (device.clone(), started.clone());
        polls.spawn(async move { device.poll(&started).await });
    }
    polls.join_all().await
}

/// Insists that one of these answers has tokens and all others are refusals; the one.
#[track_caller]
fn the_winner(answers: Vec<Answer>) -> Answer {
    let (mut winners, losers): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(winners.len(), 1);
    for loser in losers {
        loser.must_be_error("invalid_grant");
    }
    winners.remove(0)
}

#[tokio::test]
async fn of_a_hundred_polls_at_once_one_gets_the_tokens() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    let winner = the_winner(poll_at_once(std::slice::from_ref(&tv), &started).await);
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 1);
    assert_eq!(server.audited("device_authorization.redeemed", "success").await, 1);
    // The losers have not spoilt what the winner holds.
    tv.refresh(&winner.must_be_tokens().string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn of_a_hundred_polls_at_two_servers_one_gets_the_tokens() {
    let server = TestServer::with(|config| config.rate_limits.enabled = false).await;
    let replica = server.replica().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let there = tv.at(&replica.base);
    for round in 1..=times(1) {
        let started = tv.start("openid offline_access").await;
        ada.approve(&started.user_code).await;
        let winner = the_winner(poll_at_once(&[tv.clone(), there.clone()], &started).await);
        assert_eq!(server.count("SELECT count(*) FROM devices").await, i64::try_from(round).unwrap());
        there.refresh(&winner.must_be_tokens().string("refresh_token")).await.must_be_tokens();
    }
}

#[tokio::test]
async fn an_approval_among_many_polls_is_not_lost() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let there = tv.at(&replica.base);
    let started = tv.start("openid").await;
    let consent = ada.open(&started.user_code).await;
    let devices = [tv.clone(), there];
    let (page, answers) = tokio::join!(ada.decide(&consent, "approve"), poll_at_once(&devices, &started));
    assert!(page.says("Your device is connected"), "{page:?}");
    let collected = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(collected <= 1, "{collected}");
    if collected == 0 {
        tv.poll(&started).await.must_be_tokens();
    }
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 1);
}

#[tokio::test]
async fn yes_and_no_at_once_make_one_decision() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for _ in 0..5 {
        let started = tv.start("openid").await;
        let consent = ada.open(&started.user_code).await;
        let (yes, no, answers) = tokio::join!(
            ada.decide(&consent, "approve"),
            ada.decide(&consent, "deny"),
            poll_at_once(std::slice::from_ref(&tv), &started),
        );
        let (approved, denied) = (yes.says("Your device is connected"), no.says("Declined"));
        assert!(approved != denied, "{yes:?} {no:?}");
        let mut words = BTreeMap::new();
        for answer in &answers {
            *words.entry(if answer.status == 200 { "tokens" } else { answer.error() }).or_insert(0) += 1;
        }
        if approved {
            assert!(!words.contains_key("access_denied"), "{words:?}");
            if !words.contains_key("tokens") {
                tv.poll(&started).await.must_be_tokens();
            }
            assert!(words.get("tokens").is_none_or(|count| *count == 1), "{words:?}");
            tv.poll(&started).await.must_be_error("invalid_grant");
        } else {
            assert!(!words.contains_key("tokens") && !words.contains_key("invalid_grant"), "{words:?}");
            tv.poll(&started).await.must_be_error("access_denied");
        }
        server.clock.advance(60.0);
    }
    let decided = server.audited("device_authorization.approved", "success").await
        + server.audited("device_authorization.denied", "success").await;
    assert_eq!(decided, 5);
}

#[tokio::test]
async fn a_second_decision_after_the_tokens_were_collected_changes_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for late in ["approve", "deny"] {
        let started = tv.start("openid offline_access").await;
        let consent = ada.open(&started.user_code).await;
        ada.decide(&consent, "approve").await;
        let tokens = tv.poll(&started).await;
        tokens.must_be_tokens();
        let page = ada.decide(&consent, late).await;
        // The same decision, sent again, gets the same answer.
        assert_eq!(page.says("Your device is connected"), late == "approve", "{page:?}");
        assert!(!page.says("Declined"), "{page:?}");
        tv.poll(&started).await.must_be_error("invalid_grant");
        tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    }
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 2);
}

#[tokio::test]
async fn a_person_disabled_during_the_race_leaves_all_or_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    let standing = latchkey::model::user::Standing::Disabled;
    let devices = [tv.clone()];
    let (answers, ()) = tokio::join!(poll_at_once(&devices, &started), server.set_standing("ada", standing));
    let collected = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(server.count("SELECT count(*) FROM devices").await, i64::try_from(collected).unwrap());
    assert!(collected <= 1);
    let last = tv.poll(&started).await;
    last.must_be_error(if collected == 1 { "invalid_grant" } else { "access_denied" });
}
