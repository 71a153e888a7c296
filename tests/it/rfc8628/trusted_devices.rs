//! RFC 8628 §3.3, a person calls a device trusted: it stays connected for longer, as long as it is the same and the
//! policy allows it.

use std::str::FromStr;

use latchkey::domain::audit::By;
use latchkey::domain::devices::distrust::distrust;
use latchkey::domain::policies;
use latchkey::model::audit_event::Actor;
use latchkey::model::client::{AuthMethod, Client};
use latchkey::model::ids::{DeviceId, UserId};
use latchkey::model::policy::trust::TrustAllowed;
use latchkey::model::tenant::{Tenant, TenantSlug};
use serde_json::json;
use std::sync::Arc;

use crate::support::device::Started;
use crate::support::{Answer, Device, DpopKey, FrontEnd, TestServer};

const OFFLINE: &str = "openid offline_access";
const DAY: f64 = 86_400.0;
const TRUSTED: &str = "SELECT count(*) FROM devices WHERE trusted";

async fn anyone() -> TestServer {
    TestServer::with(|config| config.policy.trust.allowed = TrustAllowed::Anyone).await
}

async fn trust(front_end: &FrontEnd, device: &Device) -> Started {
    let started = device.start(OFFLINE).await;
    let read = front_end.read(&started.user_code).await;
    assert_eq!(read.json["choices"]["may_trust"], true, "{read:?}");
    front_end
        .decide(&started.user_code, "approve", json!({"trusted": true}))
        .await
        .must_be_decided("approved");
    started
}

async fn tenant(server: &TestServer) -> Arc<Tenant> {
    let tenant = server.app.cached.tenant(&server.app.db, &TenantSlug::root()).await;
    tenant.expect("the database answers").expect("the default tenant")
}

async fn set_policy(server: &TestServer, client: &str, changes: serde_json::Value) {
    let tenant = tenant(server).await;
    let client = server.app.cached.client(&server.app.db, tenant.id, client).await;
    let client = client.expect("the database answers").expect("the client");
    let changes = serde_json::from_value(changes).expect("changes");
    policies::change_for_client(
        &server.app,
        &tenant,
        &client,
        changes,
        &latchkey::model::version::MeantFor::Any,
        &latchkey::domain::audit::By::OPERATOR,
    )
    .await
    .expect("a policy");
}

fn device_id(tokens: &Answer) -> DeviceId {
    use base64::Engine;
    let token = tokens.string("access_token");
    let claims = token.split('.').nth(1).expect("claims");
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
    DeviceId(uuid::Uuid::from_str(claims["device_id"].as_str().expect("a device")).expect("a UUID"))
}

#[tokio::test]
async fn a_trusted_device_with_a_key_stays_connected_for_months_without_being_used() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let tv = tv.with_key(&DpopKey::new(&server));
    let started = trust(&front_end, &tv).await;
    let mut tokens = tv.poll(&started).await;
    tokens.must_be_bound_tokens();
    assert_eq!(server.count(TRUSTED).await, 1);
    for _ in 0..4 {
        server.clock.advance(89.0 * DAY);
        tokens = tv.refresh(&tokens.string("refresh_token")).await;
        tokens.must_be_bound_tokens();
    }
    server.clock.advance(10.0 * DAY);
    tv.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    assert_eq!(
        server.count("SELECT count(*) FROM audit_events WHERE details ->> 'trusted' = 'true'").await,
        2
    );
}

#[tokio::test]
async fn without_a_key_and_without_a_refresh_token_there_is_nothing_to_trust() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let keyed = tv.with_key(&DpopKey::new(&server));
    for (device, scope) in [(&tv, OFFLINE), (&keyed, "openid")] {
        let started = device.start(scope).await;
        assert_eq!(front_end.read(&started.user_code).await.json["choices"]["may_trust"], false);
        let refused = front_end.decide(&started.user_code, "approve", json!({"trusted": true})).await;
        refused.must_be_error("invalid_request");
    }
}

#[tokio::test]
async fn a_device_cannot_call_itself_trusted() {
    let server = anyone().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let mut parameters = vec![("scope", OFFLINE), ("trusted", "true"), ("metadata", r#"{"trusted":true}"#)];
    let started = tv.ask(&parameters).await;
    ada.approve(&started.string("user_code")).await;
    parameters[0] = ("is_trusted", "1");
    let tokens = tv.poll_code(&started.string("device_code"), &parameters).await;
    tokens.must_be_tokens();
    let refresh_token = tokens.string("refresh_token");
    let again = [("grant_type", "refresh_token"), ("refresh_token", &refresh_token), ("trusted", "true")];
    tv.token(&again).await.must_be_tokens();
    assert_eq!(server.count(TRUSTED).await, 0);
}

#[tokio::test]
async fn trust_in_one_connection_is_none_in_the_next() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let tv = tv.with_key(&DpopKey::new(&server));
    let started = trust(&front_end, &tv).await;
    tv.poll(&started).await.must_be_bound_tokens();
    tv.connect_bound(&ada, OFFLINE).await;
    assert_eq!(server.count(TRUSTED).await, 1);
}

#[tokio::test]
async fn trust_ends_when_a_device_begins_to_use_a_key_or_uses_another() {
    let server = anyone().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let confidential = |client: &mut Client| client.auth_method = AuthMethod::ClientSecretBasic;
    let box_ = server.client("box", OFFLINE, confidential).await;
    let (first, second) = (DpopKey::new(&server), DpopKey::new(&server));
    let changes = [
        (tv.clone(), tv.with_key(&first)),
        (box_.clone(), box_.with_key(&first)),
        (box_.with_key(&first), box_.with_key(&second)),
        (box_.with_key(&first), box_.clone()),
    ];
    for (so_far, (before, after)) in (1..).zip(changes) {
        // Started without its key, as by clients that prove one only where tokens are.
        let mut unbound = before.clone();
        unbound.key = None;
        let started = trust(&server.front_end(&ada).await, &unbound).await;
        let tokens = before.poll(&started).await;
        let tokens = before.refresh(&tokens.string("refresh_token")).await;
        assert_eq!(server.count(TRUSTED).await, 1, "{tokens:?}");
        server.clock.advance(20.0 * DAY);
        let tokens = after.refresh(&tokens.string("refresh_token")).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        assert_eq!(server.count(TRUSTED).await, 0, "{tokens:?}");
        let lost = "SELECT count(*) FROM audit_events WHERE details ->> 'trust_lost' = 'key_changed'";
        assert_eq!(server.count(lost).await, so_far);
        server.clock.advance(15.0 * DAY);
        after.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    }
}

#[tokio::test]
async fn a_bound_family_never_sees_another_key() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let bound = tv.with_key(&DpopKey::new(&server));
    let tokens = bound.poll(&trust(&front_end, &bound).await).await;
    for other in [tv.clone(), tv.with_key(&DpopKey::new(&server))] {
        other.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    }
    assert_eq!(server.count(TRUSTED).await, 1);
    bound.refresh(&tokens.string("refresh_token")).await.must_be_bound_tokens();
}

#[tokio::test]
async fn a_lost_answer_is_given_again_with_the_same_choices() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let tv = tv.with_key(&DpopKey::new(&server));
    let started = tv.start(OFFLINE).await;
    let choice = json!({"trusted": true, "device_name": "Kitchen", "lifetime": "week"});
    front_end.decide(&started.user_code, "approve", choice).await.must_be_decided("approved");
    tv.poll(&started).await.must_be_bound_tokens();
    server.clock.advance(6.0);
    tv.poll(&started).await.must_be_bound_tokens();
    let same = "SELECT count(*) FROM devices
                WHERE trusted AND name = 'Kitchen' AND expires_at = created_at + interval '7 days'";
    assert_eq!(server.count(same).await, 1);
}

#[tokio::test]
async fn a_lost_answer_is_given_to_another_key_and_trust_ends_with_its_refresh() {
    let server = anyone().await;
    let ada = server.ada().await;
    let front_end = server.front_end(&ada).await;
    let signing = |client: &mut Client| client.auth_method = AuthMethod::PrivateKeyJwt;
    let box_ = server.client("box", OFFLINE, signing).await;
    let started = trust(&front_end, &box_).await;
    box_.poll(&started).await.must_be_tokens();
    server.clock.advance(6.0);
    let other = box_.with_key(&DpopKey::new(&server));
    let tokens = other.poll(&started).await;
    tokens.must_be_bound_tokens();
    other.refresh(&tokens.string("refresh_token")).await.must_be_bound_tokens();
    let living = "SELECT count(*) FROM devices WHERE revoked_at IS NULL AND trusted";
    assert_eq!(server.count(living).await, 0);
}

#[tokio::test]
async fn a_policy_that_allows_no_trust_any_more_shortens_at_the_next_refresh() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let tv = tv.with_key(&DpopKey::new(&server));
    let tokens = tv.poll(&trust(&front_end, &tv).await).await;
    set_policy(&server, "tv", json!({"trust": {"allowed": "never"}})).await;
    let tokens = tv.refresh(&tokens.string("refresh_token")).await;
    tokens.must_be_bound_tokens();
    assert_eq!(server.count(TRUSTED).await, 0);
    let shortened = "SELECT count(*) FROM devices
                     WHERE client_id = 'tv' AND expires_at = created_at + interval '90 days'";
    assert_eq!(server.count(shortened).await, 1);
    server.clock.advance(14.0 * DAY);
    tv.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn trust_that_the_policy_took_before_the_tokens_were_collected_is_not_given() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let tv = tv.with_key(&DpopKey::new(&server));
    let started = trust(&front_end, &tv).await;
    set_policy(&server, "tv", json!({"trust": {"allowed": "never"}})).await;
    tv.poll(&started).await.must_be_bound_tokens();
    assert_eq!(server.count(TRUSTED).await, 0);
}

#[tokio::test]
async fn no_connection_lasts_longer_than_the_policy_of_its_client() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    set_policy(&server, "tv", json!({"grant": {"max_lifetime_seconds": 3600}})).await;
    let started = tv.start(OFFLINE).await;
    let read = front_end.read(&started.user_code).await;
    assert_eq!(read.json["choices"]["lifetimes"], json!(["once", "longest"]));
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    server.clock.advance(3000.0);
    let tokens = tv.refresh(&tokens.string("refresh_token")).await;
    assert_eq!(tokens.must_be_tokens().json["expires_in"], 600);
    server.clock.advance(600.0);
    tv.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn its_owner_and_an_administrator_take_trust_away_and_nobody_else() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    server.person("bob", &[]).await;
    let (ada_id, bob_id) = (server.user_id("ada").await, server.user_id("bob").await);
    let front_end = server.front_end(&ada).await;
    let tv = tv.with_key(&DpopKey::new(&server));
    let tenant = tenant(&server).await;
    let take = async |tokens: &Answer, owner: Option<UserId>| {
        let by = By { actor: Actor::User(owner.unwrap_or(bob_id)), origin: None };
        distrust(&server.app, &tenant, device_id(tokens), owner, &by).await.expect("the database answers")
    };
    for owner in [Some(ada_id), None] {
        let tokens = tv.poll(&trust(&front_end, &tv).await).await;
        assert!(!take(&tokens, Some(bob_id)).await);
        assert_eq!(server.count(TRUSTED).await, 1);
        assert!(take(&tokens, owner).await);
        assert!(!take(&tokens, owner).await);
        assert_eq!(server.count(TRUSTED).await, 0);
        let ends = "SELECT count(*) FROM devices WHERE expires_at = created_at + interval '90 days'
                      AND idle_expires_at = exchanged_at + interval '14 days'";
        assert_eq!(server.count(ends).await, 1);
        let tokens = tv.refresh(&tokens.string("refresh_token")).await;
        tokens.must_be_bound_tokens();
        server.execute("DELETE FROM devices WHERE client_id = 'tv'").await;
    }
    assert_eq!(server.audited("device.distrusted", "success").await, 2);
}

#[tokio::test]
async fn trust_taken_away_does_not_come_back_with_a_lost_answer() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let front_end = server.front_end(&ada).await;
    let tv = tv.with_key(&DpopKey::new(&server));
    let started = trust(&front_end, &tv).await;
    let tokens = tv.poll(&started).await;
    let tenant = tenant(&server).await;
    let taken = distrust(&server.app, &tenant, device_id(&tokens), None, &By::OPERATOR).await;
    assert!(taken.expect("the database answers"));
    server.clock.advance(6.0);
    tv.poll(&started).await.must_be_bound_tokens();
    assert_eq!(server.count(TRUSTED).await, 0);
}
