//! The network to the database fails silently, and comes back on new paths.

use std::time::Duration;

use futures_util::future::join_all;
use latchkey::config::Coherence;
use latchkey::model::database_limits::Limits;
use latchkey::store::connections;
use latchkey::store::db::Db;
use tokio::time::timeout;

use super::{in_earnest, must_be_unavailable};
use crate::support::patience::{PATIENCE, in_time};
use crate::support::{Link, TestServer, database, until};

#[tokio::test]
async fn what_memory_knows_is_answered_for_as_long_as_the_network_is_dark() {
    for coherence in [Coherence::Notify, Coherence::ReadThrough] {
        let (link, server) = TestServer::behind_a_link(|config| {
            in_earnest(config);
            config.sessions.coherence = coherence;
        })
        .await;
        let (tv, ada) = (server.tv().await, server.ada().await);
        let started = tv.start("openid offline_access").await;
        tv.poll(&started).await.must_be_error("authorization_pending");
        let documents = ["/oauth/jwks", "/.well-known/oauth-authorization-server"];
        let before = [server.get(documents[0]).await, server.get(documents[1]).await];
        link.go_dark();
        server.clock.advance(6.0);
        tv.poll(&started).await.must_be_error("authorization_pending");
        until("the server notices", async || !server.app.reachability.is_given()).await;
        for _ in 0..3 {
            server.clock.advance(6.0);
            tv.poll(&started).await.must_be_error("authorization_pending");
        }
        for (path, before) in documents.iter().zip(&before) {
            let meanwhile = server.get(path).await;
            assert_eq!((meanwhile.status.as_u16(), &meanwhile.text), (200, &before.text), "{path}");
        }
        must_be_unavailable(&tv.ask(&[("scope", "openid")]).await);
        assert_eq!(server.get("/health/ready").await.status, 503);
        link.come_back_on_new_paths();
        until("codes are given again", async || tv.ask(&[("scope", "openid")]).await.status == 200).await;
        until("the server is ready", async || server.get("/health/ready").await.status == 200).await;
        ada.approve(&started.user_code).await;
        until("the tokens are collected", async || tv.poll(&started).await.status == 200).await;
    }
}

#[tokio::test]
async fn an_ear_whose_path_has_died_hears_again() {
    let first = TestServer::hearing().await;
    let (link, second) = first.replica_behind_a_link(in_earnest).await;
    let (tv, ada) = (first.tv().await, first.ada().await);
    let at_second = tv.at(&second.base);
    let started = tv.start("openid").await;
    at_second.poll(&started).await.must_be_error("authorization_pending");
    link.go_dark();
    link.come_back_on_new_paths();
    // The second server cannot hear of it, and must not go by its memory for long.
    ada.approve(&started.user_code).await;
    until("the decision is found", async || at_second.poll(&started).await.status == 200).await;
    until("the second server hears again", async || second.app.sessions.is_trusted()).await;
    let next = tv.start("openid").await;
    at_second.poll(&next).await.must_be_error("authorization_pending");
    let id = second.read_code(&next.device_code).await.authorization();
    ada.approve(&next.user_code).await;
    until("the decision is heard", async || second.app.sessions.is_decided(&id)).await;
    at_second.poll(&next).await.must_be_tokens();
}

#[tokio::test]
async fn connections_that_go_back_while_the_network_dies_are_replaced() {
    const ALL: u32 = 3;
    let (link, over) = Link::to_database(&database::create_empty().await).await;
    let pool = connections::pool(ALL, PATIENCE, Limits::NONE).connect_with(over);
    let db = Db::from(pool.await.expect("the database answers"));
    let lend_all = async || join_all((0..ALL).map(|_| db.acquire())).await;
    let lent = lend_all().await;
    assert!(lent.iter().all(Result::is_ok), "{lent:?}");
    // Each is looked at before the next one may have it, and is not heard.
    link.delay(Duration::from_secs(1));
    drop(lent);
    link.go_dark();
    assert!(timeout(Duration::from_secs(1), db.acquire()).await.is_err(), "nothing comes over");
    link.delay(Duration::ZERO);
    link.come_back_on_new_paths();
    let lent = in_time("all are lent again", lend_all()).await;
    assert!(lent.iter().all(Result::is_ok), "{lent:?}");
}
