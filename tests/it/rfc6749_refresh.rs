//! RFC 6749 §6 and RFC 9700 §4.14: a device exchanges its refresh token.

use latchkey::model::client::{AuthMethod, GrantType};
use latchkey::model::scope::ScopeSet;
use latchkey::model::user::Standing;

use crate::support::device::Proof;
use crate::support::{TestServer, jwt};

const OFFLINE: &str = "openid profile offline_access";
const REUSED: &str = "SELECT count(*) FROM devices WHERE revoked_reason = 'refresh_token_reused'";
const DAY: f64 = 86_400.0;

#[tokio::test]
async fn a_refresh_token_comes_only_when_it_was_asked_for() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    assert!(tv.connect(&ada, "openid").await.json.get("refresh_token").is_none());
    let token = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    // RFC 6749 App. A.17
    assert!(token.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && token.len() == 87, "{token}");
}

#[tokio::test]
async fn each_exchange_gives_new_tokens_for_the_same_rights() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let first = tv.connect(&ada, OFFLINE).await;
    let second = tv.refresh(&first.string("refresh_token")).await;
    let third = tv.refresh(&second.must_be_tokens().string("refresh_token")).await;
    third.must_be_tokens();
    for member in ["access_token", "refresh_token", "id_token"] {
        assert_ne!(first.string(member), second.string(member), "{member}");
        assert_ne!(second.string(member), third.string(member), "{member}");
    }
    assert_eq!(third.string("scope"), first.string("scope"));
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE generation = 3").await, 1);
    assert_eq!(server.audited("token.refreshed", "success").await, 2);
}

#[tokio::test]
async fn a_token_used_a_second_time_ends_its_own_device_and_no_other() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let (stolen, other) = (tv.connect(&ada, OFFLINE).await, tv.connect(&ada, OFFLINE).await);
    let renewed = tv.refresh(&stolen.string("refresh_token")).await;
    server.clock.advance(120.0);
    tv.refresh(&stolen.string("refresh_token")).await.must_be_error("invalid_grant");
    tv.refresh(&renewed.string("refresh_token")).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REUSED).await, 1);
    assert_eq!(server.audited("token_family.revoked", "success").await, 1);
    tv.refresh(&other.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn signing_out_of_the_browser_leaves_devices_alone() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let tokens = tv.connect(&ada, OFFLINE).await;
    ada.sign_out().await;
    tv.refresh(&tokens.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn a_refresh_token_is_of_no_use_to_another_client_and_stays_good_for_its_own() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let other = server.public_client("other", OFFLINE).await;
    let token = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    let foreign = other.refresh(&token).await;
    assert_eq!(foreign.must_be_error("invalid_grant").text, other.refresh("lkr_nonsense").await.text);
    let renewed = tv.refresh(&token).await;
    renewed.must_be_tokens();
    // Not even a spent one.
    server.clock.advance(120.0);
    other.refresh(&token).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REUSED).await, 0);
    tv.refresh(&renewed.string("refresh_token")).await.must_be_tokens();
}

#[tokio::test]
async fn a_confidential_client_must_prove_itself_to_refresh() {
    let server = TestServer::start().await;
    let ada = server.ada().await;
    let method = AuthMethod::ClientSecretBasic;
    let device = server.client("box", OFFLINE, |client| client.auth_method = method).await;
    let token = device.connect(&ada, OFFLINE).await.string("refresh_token");
    for proof in [Proof::None, Proof::Basic("wrong".to_owned()), Proof::Post("wrong".to_owned())] {
        device.with_proof(proof).refresh(&token).await.must_be_error("invalid_client");
    }
    device.refresh(&token).await.must_be_tokens();
}

#[tokio::test]
async fn nothing_but_a_refresh_token_passes_for_one() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let started = tv.start(OFFLINE).await;
    ada.approve(&started.user_code).await;
    let tokens = tv.poll(&started).await;
    let token = tokens.string("refresh_token");
    for wrong in [
        &started.device_code,
        &started.user_code,
        &tokens.string("access_token"),
        &tokens.string("id_token"),
        &token[..86],
        &format!("{token}0"),
        &token.to_uppercase(),
        &format!("{token} "),
        "é",
        "x",
    ] {
        tv.refresh(wrong).await.must_be_error("invalid_grant");
    }
    tv.refresh("").await.must_be_error("invalid_request");
    tv.refresh(&token).await.must_be_tokens();
}

#[tokio::test]
async fn fewer_rights_may_be_asked_for_once_and_more_never() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    let refresh = |token: String, scope: &'static str| {
        let tv = tv.clone();
        let grant = ("grant_type", "refresh_token");
        async move { tv.token(&[grant, ("refresh_token", &token), ("scope", scope)]).await }
    };
    for wider in ["openid email", "admin", "openid \\", " "] {
        refresh(token.clone(), wider).await.must_be_error("invalid_scope");
    }
    let resource =
        [("grant_type", "refresh_token"), ("refresh_token", &token), ("resource", "https://a.example")];
    tv.token(&resource).await.must_be_error("invalid_target");
    // None of these spent the token.
    let narrow = refresh(token, "profile").await;
    assert_eq!(narrow.must_be_tokens().string("scope"), "profile");
    assert!(narrow.json.get("id_token").is_none());
    let (_, claims) = jwt::verify(&server, &server.base, &narrow.string("access_token")).await;
    assert_eq!(claims["scope"], "profile");
    let whole = refresh(narrow.string("refresh_token"), "").await;
    assert_eq!(whole.must_be_tokens().string("scope"), "offline_access openid profile");
}

#[tokio::test]
async fn a_token_dies_when_it_is_not_used_for_two_weeks() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    server.clock.advance(14.0 * DAY - 1.0);
    let renewed = tv.refresh(&token).await.must_be_tokens().string("refresh_token");
    server.clock.advance(14.0 * DAY);
    tv.refresh(&renewed).await.must_be_error("invalid_grant");
    assert_eq!(server.count(REUSED).await, 0);
}

#[tokio::test]
async fn a_connection_ends_after_ninety_days_however_much_it_is_used() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let mut tokens = tv.connect(&ada, OFFLINE).await;
    for _ in 0..8 {
        server.clock.advance(10.0 * DAY);
        tokens = tv.refresh(&tokens.string("refresh_token")).await;
        tokens.must_be_tokens();
    }
    server.clock.advance(10.0 * DAY - 60.0);
    let last = tv.refresh(&tokens.string("refresh_token")).await;
    // No token outlives the connection.
    assert_eq!(last.must_be_tokens().json["expires_in"], 60);
    let (_, claims) = jwt::verify(&server, &server.base, &last.string("access_token")).await;
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
    server.clock.advance(60.0);
    tv.refresh(&last.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn whoever_may_not_use_the_service_gets_nothing() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let token = tv.connect(&ada, OFFLINE).await.string("refresh_token");
    for standing in [Standing::Disabled, Standing::Locked] {
        server.set_standing("ada", standing).await;
        tv.refresh(&token).await.must_be_error("invalid_grant");
    }
    server.execute("UPDATE tenants SET enabled = false").await;
    assert_eq!(tv.refresh(&token).await.status, 404);
    server.execute("UPDATE tenants SET enabled = true").await;
    server.change_client("tv", |client| client.enabled = false).await;
    tv.refresh(&token).await.must_be_error("invalid_client");
    server.change_client("tv", |client| client.enabled = true).await;
    server.execute("UPDATE devices SET locked_at = now()").await;
    server.set_standing("ada", Standing::Good).await;
    tv.refresh(&token).await.must_be_error("invalid_grant");
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE generation = 1").await, 1);
}

#[tokio::test]
async fn what_was_taken_from_a_client_or_person_is_missing_from_the_next_tokens() {
    let server = TestServer::start().await;
    server.scope("billing", Some("accountant")).await;
    let tv = server.public_client("tv", "openid profile billing offline_access").await;
    let ada = server.person("ada", &["accountant"]).await;
    let tokens = tv.connect(&ada, "openid profile billing offline_access").await;
    let scopes = ScopeSet::parse("openid billing offline_access").unwrap();
    server.change_client("tv", |client| client.scopes = scopes).await;
    let tokens = tv.refresh(&tokens.string("refresh_token")).await;
    assert_eq!(tokens.must_be_tokens().string("scope"), "billing offline_access openid");
    server.execute("UPDATE users SET roles = '{}'").await;
    let tokens = tv.refresh(&tokens.string("refresh_token")).await;
    assert_eq!(tokens.must_be_tokens().string("scope"), "offline_access openid");
    server.change_client("tv", |client| client.grant_types = vec![GrantType::DeviceCode]).await;
    tv.refresh(&tokens.string("refresh_token")).await.must_be_error("unauthorized_client");
}

#[tokio::test]
async fn a_deleted_person_client_or_device_takes_its_tokens_along() {
    for statement in ["DELETE FROM users", "DELETE FROM devices", "DELETE FROM clients"] {
        let server = TestServer::start().await;
        let (tv, ada) = (server.tv().await, server.ada().await);
        let token = tv.connect(&ada, OFFLINE).await.string("refresh_token");
        server.execute(statement).await;
        let word = if statement.ends_with("clients") { "invalid_client" } else { "invalid_grant" };
        tv.refresh(&token).await.must_be_error(word);
        assert_eq!(server.count("SELECT count(*) FROM devices").await, 0, "{statement}");
    }
}
