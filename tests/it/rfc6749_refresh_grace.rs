//! RFC 9700 §4.14.2: a refresh token that comes back. A lost answer is forgiven for half a minute, as long as nobody
//! has used what it brought; anything else ends the family.

use crate::support::{Answer, TestServer};

const OFFLINE: &str = "openid offline_access";
const LIVE: &str = "SELECT count(*) FROM refresh_tokens t JOIN token_families f ON f.id = t.family_id
                    WHERE t.rotated_at IS NULL AND t.superseded_at IS NULL AND f.revoked_at IS NULL";
const REUSED: &str = "SELECT count(*) FROM token_families WHERE revoked_reason = 'refresh_token_reused'";

fn token(answer: &Answer) -> String {
    answer.must_be_tokens().string("refresh_token")
}

#[tokio::test]
async fn a_device_whose_answer_was_lost_may_ask_again_for_half_a_minute() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    let mut received = token(&tv.refresh(&first).await);
    for _ in 0..3 {
        server.clock.advance(10.0);
        let again = token(&tv.refresh(&first).await);
        assert_ne!(again, received);
        received = again;
        assert_eq!(server.count(LIVE).await, 1);
    }
    token(&tv.refresh(&received).await);
    assert_eq!(server.count(REUSED).await, 0);
    assert_eq!(server.audited("token.refreshed", "success").await, 5);
    let repeated = "SELECT count(*) FROM audit_events WHERE details ? 'superseded'";
    assert_eq!(server.count(repeated).await, 3);
}

#[tokio::test]
async fn half_a_minute_later_the_same_token_is_a_stolen_one() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    let second = token(&tv.refresh(&first).await);
    server.clock.advance(30.1);
    tv.refresh(&first).await.must_be_error("invalid_grant");
    tv.refresh(&second).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REUSED).await, 1);
    assert_eq!(server.count(LIVE).await, 0);
}

#[tokio::test]
async fn a_token_whose_successor_was_used_is_a_stolen_one_at_once() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    let second = token(&tv.refresh(&first).await);
    let third = token(&tv.refresh(&second).await);
    tv.refresh(&first).await.must_be_error("invalid_grant");
    tv.refresh(&third).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REUSED).await, 1);
}

#[tokio::test]
async fn an_overtaken_token_is_refused_for_half_a_minute_and_a_stolen_one_later() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    let overtaken = token(&tv.refresh(&first).await);
    let live = token(&tv.refresh(&first).await);
    server.clock.advance(30.0);
    tv.refresh(&overtaken).await.must_be_error("invalid_grant");
    assert_eq!((server.count(LIVE).await, server.count(REUSED).await), (1, 0));
    server.clock.advance(0.1);
    tv.refresh(&overtaken).await.must_be_error("invalid_grant");
    assert_eq!((server.count(LIVE).await, server.count(REUSED).await), (0, 1));
    tv.refresh(&live).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn asking_again_does_not_stretch_the_half_minute() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    token(&tv.refresh(&first).await);
    server.clock.advance(20.0);
    token(&tv.refresh(&first).await);
    server.clock.advance(10.1);
    tv.refresh(&first).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REUSED).await, 1);
}

#[tokio::test]
async fn a_locked_device_is_not_forgiven() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = token(&tv.connect(&ada, OFFLINE).await);
    token(&tv.refresh(&first).await);
    server.execute("UPDATE devices SET locked_at = now()").await;
    let answer = tv.refresh(&first).await;
    assert_eq!((answer.status.as_u16(), answer.error()), (503, "temporarily_unavailable"), "{answer:?}");
    assert_eq!(server.count(REUSED).await, 0);
    assert_eq!(server.count("SELECT count(*) FROM refresh_tokens").await, 2);
}
