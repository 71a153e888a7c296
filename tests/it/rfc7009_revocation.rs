//! RFC 7009: a client gives tokens back.

use latchkey::domain::housekeeping::REVOKED_ACCESS_TOKENS;
use latchkey::model::client::AuthMethod;
use reqwest::Method;
use tokio::task::JoinSet;

use crate::support::device::{BodyType, Proof, send};
use crate::support::{Answer, Device, TestServer};

const OFFLINE: &str = "openid offline_access";
const LIVE: &str = "SELECT count(*) FROM devices WHERE revoked_at IS NULL";

#[track_caller]
fn must_be_done(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
}

/// Insists that nothing of these tokens works any more, here or at a replica, without waiting for anything.
async fn must_be_dead(tokens: &Answer, tv: &Device, api: &Device, replica: &TestServer) {
    let access = tokens.string("access_token");
    api.at(&replica.base).introspect(&access).await.must_be_inactive();
    tv.at(&replica.base).userinfo(&access).await.must_be_an_invalid_token();
    api.introspect(&access).await.must_be_inactive();
    tv.userinfo(&access).await.must_be_an_invalid_token();
    tv.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn either_token_takes_its_device_along_and_no_other_device() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let sibling = tv.connect(&ada, OFFLINE).await;
    for given_back in ["refresh_token", "access_token"] {
        let tokens = tv.connect(&ada, OFFLINE).await;
        api.at(&replica.base).introspect(&tokens.string("access_token")).await.must_be_active();
        must_be_done(&tv.revoke(&tokens.string(given_back)).await);
        must_be_dead(&tokens, &tv, &api, &replica).await;
    }
    assert_eq!(server.audited("token_family.revoked", "success").await, 2);
    api.introspect(&sibling.string("access_token")).await.must_be_active();
    tv.refresh(&sibling.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn the_audit_trail_says_who_gave_back_what() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, OFFLINE).await;
    must_be_done(&tv.revoke(&tokens.string("refresh_token")).await);
    let told = "SELECT count(*) FROM audit_events e JOIN devices f ON f.id::text = e.target_id
                WHERE e.action = 'token_family.revoked' AND e.actor_kind = 'client' AND e.actor_id = 'tv'
                  AND e.details ->> 'reason' = 'revoked_by_client' AND f.revoked_reason = 'revoked_by_client'
                  AND e.at = f.revoked_at AND e.request_id IS NOT NULL";
    assert_eq!(server.count(told).await, 1);
    // What is not written down did not happen.
    let again = tv.connect(&ada, OFFLINE).await;
    server.execute("ALTER TABLE audit_events RENAME TO elsewhere").await;
    let failed = tv.revoke(&again.string("refresh_token")).await;
    assert_eq!((failed.status.as_u16(), failed.error()), (500, "server_error"), "{failed:?}");
    server.execute("ALTER TABLE elsewhere RENAME TO audit_events").await;
    tv.refresh(&again.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn giving_back_twice_is_no_error_and_told_once() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, OFFLINE).await;
    let mut revocations = JoinSet::new();
    for number in 0..20 {
        let (tv, token) = (tv.clone(), tokens.string(["refresh_token", "access_token"][number % 2]));
        revocations.spawn(async move { tv.revoke(&token).await });
    }
    revocations.join_all().await.iter().for_each(must_be_done);
    must_be_done(&tv.revoke(&tokens.string("refresh_token")).await);
    assert_eq!(server.audited("token_family.revoked", "success").await, 1);
    assert_eq!(server.count(LIVE).await, 0);
}

#[tokio::test]
async fn another_clients_tokens_are_left_alone() {
    let server = TestServer::start().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    let other = server.public_client("other", OFFLINE).await;
    let tokens = tv.connect(&ada, OFFLINE).await;
    for token in ["refresh_token", "access_token"] {
        let (foreign, unknown) = (other.revoke(&tokens.string(token)).await, other.revoke("nonsense").await);
        must_be_done(&foreign);
        must_be_done(&unknown);
        // Not even whoever may introspect it.
        must_be_done(&api.revoke(&tokens.string(token)).await);
    }
    let own = server.own_token("box", "name").await;
    must_be_done(&other.revoke(&own).await);
    assert_eq!(server.count("SELECT count(*) FROM revoked_access_tokens").await, 0);
    assert_eq!(server.audited("token_family.revoked", "success").await, 0);
    api.introspect(&tokens.string("access_token")).await.must_be_active();
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn a_client_proves_itself_as_everywhere() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let method = AuthMethod::ClientSecretPost;
    let device = server.client("box", OFFLINE, |client| client.auth_method = method).await;
    let tokens = device.connect(&ada, OFFLINE).await;
    for token in ["refresh_token", "access_token"] {
        for proof in [Proof::None, Proof::Basic("wrong".to_owned()), Proof::Post("wrong".to_owned())] {
            device.with_proof(proof).revoke(&tokens.string(token)).await.must_be_error("invalid_client");
        }
    }
    assert_eq!(server.count(LIVE).await, 1);
    must_be_done(&device.revoke(&tokens.string("access_token")).await);
    assert_eq!(server.count(LIVE).await, 0);
}

#[tokio::test]
async fn a_hint_is_a_hint() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for (token, hint) in [
        ("refresh_token", "access_token"),
        ("access_token", "refresh_token"),
        ("refresh_token", "nonsense"),
        ("access_token", "urn:example:saml"),
        ("access_token", ""),
    ] {
        let tokens = tv.connect(&ada, OFFLINE).await;
        let form = [("token", tokens.string(token)), ("token_type_hint", hint.to_owned())];
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        must_be_done(&tv.post("/oauth/revoke", &form).await);
        assert_eq!(server.count(LIVE).await, 0, "{token} {hint}");
    }
}

#[tokio::test]
async fn an_id_token_cannot_be_given_back() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, OFFLINE).await;
    tv.revoke(&tokens.string("id_token")).await.must_be_error("unsupported_token_type");
    assert_eq!(server.count(LIVE).await, 1);
}

#[tokio::test]
async fn an_access_token_that_is_over_tells_nothing_of_its_device() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, OFFLINE).await;
    server.clock.advance(600.0);
    must_be_done(&tv.revoke(&tokens.string("access_token")).await);
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
    // One that was exchanged still does: whoever gives it back means the device.
    must_be_done(&tv.revoke(&tokens.string("refresh_token")).await);
    assert_eq!(server.count(LIVE).await, 0);
}

#[tokio::test]
async fn a_clients_own_token_dies_alone() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let api = server.api().await;
    let method = AuthMethod::ClientSecretBasic;
    let device = server.client("box", "openid", |client| client.auth_method = method).await;
    let (first, second) = (server.own_token("box", "first").await, server.own_token("box", "second").await);
    let there = api.at(&replica.base);
    let found = there.introspect(&first).await;
    assert_eq!(found.must_be_active().json["sub"], "box");
    assert!(found.json.get("device_id").is_none(), "{found:?}");
    for _ in 0..2 {
        must_be_done(&device.revoke(&first).await);
        there.introspect(&first).await.must_be_inactive();
        api.introspect(&first).await.must_be_inactive();
    }
    there.introspect(&second).await.must_be_active();
    assert_eq!(server.audited("access_token.revoked", "success").await, 1);
    // Nobody keeps what is over anyway.
    let clear = || REVOKED_ACCESS_TOKENS.clear_batch(&server.app);
    server.clock.advance(600.0);
    assert_eq!(clear().await.unwrap(), 0);
    server.clock.advance(121.0);
    assert_eq!(clear().await.unwrap(), 1);
    assert_eq!(server.count("SELECT count(*) FROM revoked_access_tokens").await, 0);
}

#[tokio::test]
async fn a_refresh_beside_a_revocation_leaves_no_live_token() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (tv, ada, api) = (server.tv().await, server.ada().await, server.api().await);
    for _ in 0..8 {
        let tokens = tv.connect(&ada, OFFLINE).await;
        let there = tv.at(&replica.base);
        let (refresh_token, access) = (tokens.string("refresh_token"), tokens.string("access_token"));
        let (refreshed, revoked) = tokio::join!(there.refresh(&refresh_token), tv.revoke(&refresh_token));
        must_be_done(&revoked);
        assert_eq!(server.count(LIVE).await, 0);
        api.introspect(&access).await.must_be_inactive();
        if refreshed.status == 200 {
            api.introspect(&refreshed.string("access_token")).await.must_be_inactive();
            tv.refresh(&refreshed.string("refresh_token")).await.must_be_error("invalid_grant");
        }
    }
}

#[tokio::test]
async fn the_request_is_read_as_everywhere() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    for prefix in ["", "/api/v1"] {
        for body in BodyType::ALL {
            let tokens = tv.connect(&ada, OFFLINE).await;
            let form = [("client_id", "tv"), ("token", &tokens.string("refresh_token"))];
            must_be_done(&send(body.fill(tv.request(&format!("{prefix}/oauth/revoke")), &form)).await);
            assert_eq!(server.count(LIVE).await, 0, "{prefix} {body:?}");
        }
    }
    let tokens = tv.connect(&ada, OFFLINE).await;
    let token = tokens.string("refresh_token");
    tv.post("/oauth/revoke", &[]).await.must_be_error("invalid_request");
    tv.post("/oauth/revoke", &[("token", &token), ("token", &token)]).await.must_be_error("invalid_request");
    tv.post(&format!("/oauth/revoke?token={token}"), &[]).await.must_be_error("invalid_request");
    for method in [Method::GET, Method::DELETE] {
        let answer = send(server.http.request(method, format!("{}/oauth/revoke", server.base))).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"), "{answer:?}");
    }
    assert_eq!(server.count(LIVE).await, 1);
}
