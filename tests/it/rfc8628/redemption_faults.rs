//! What becomes of a redemption that fails half-way, whose answer is lost, or that is tried again.

use crate::support::TestServer;

const REVOKED: &str = "SELECT count(*) FROM devices WHERE revoked_reason = 'device_code_replayed'";

#[tokio::test]
async fn a_redemption_that_cannot_be_audited_does_not_happen_and_can_be_tried_again() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    server
        .execute("ALTER TABLE audit_events ADD CONSTRAINT broken CHECK (action <> 'device_authorization.redeemed')")
        .await;
    let answer = tv.poll(&started).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(answer.must_be_an_oauth_body().error(), "server_error");
    assert!(!answer.text.contains("audit"), "{answer:?}");
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 0);
    server.execute("ALTER TABLE audit_events DROP CONSTRAINT broken").await;
    tv.poll(&started).await.must_be_tokens();
}

#[tokio::test]
async fn a_code_used_again_a_moment_later_is_refused_and_harms_nobody() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    server.clock.advance(20.0);
    tv.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REVOKED).await, 0);
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn a_code_used_again_later_ends_what_it_was_redeemed_for() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let sibling = tv.connect(&ada, "openid offline_access").await;
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    let renewed = tv.refresh(&tokens.string("refresh_token")).await;
    server.clock.advance(20.1);
    tv.poll(&started).await.must_be_error("invalid_grant");
    tv.refresh(&renewed.string("refresh_token")).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REVOKED).await, 1);
    assert_eq!(server.audited("token_family.revoked", "success").await, 1);
    tv.refresh(&sibling.string("refresh_token")).await.must_be_tokens();
    // Once is enough.
    tv.poll(&started).await.must_be_error("invalid_grant");
    assert_eq!(server.audited("token_family.revoked", "success").await, 1);
}

#[tokio::test]
async fn a_code_used_again_after_its_session_was_cleared_away_is_unknown() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid offline_access").await;
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    server.execute("DELETE FROM device_authorizations").await;
    server.clock.advance(60.0);
    tv.poll(&started).await.must_be_error("invalid_grant");
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn the_audit_trail_has_one_line_for_each_step_with_the_request_that_took_it() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start("openid").await;
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    for action in
        ["device_authorization.opened", "device_authorization.approved", "device_authorization.redeemed"]
    {
        assert_eq!(server.audited(action, "success").await, 1, "{action}");
    }
    let request_id: String = sqlx::query_scalar(
        "SELECT request_id::text FROM audit_events WHERE action = 'device_authorization.redeemed'",
    )
    .fetch_one(&server.app.db)
    .await
    .unwrap();
    assert_eq!(tokens.header("x-request-id"), request_id);
}
