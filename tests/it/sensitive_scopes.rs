//! Scopes that ask more of a device: a key that its tokens are bound to (RFC 9449), and an earlier end (RFC 10027
//! §6.1).

use chrono::TimeDelta;
use latchkey::model::client::{AuthMethod, GrantType};
use latchkey::model::ids::TenantId;
use latchkey::model::scope::Scope;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::version::MeantFor;

use crate::support::{Device, DpopKey, TestServer, jwt, words};

const PAY: &str = "openid payments offline_access";
const REST: &str = "offline_access openid";

/// A server where the scope `payments` is as `change` makes it, and a client that may have it.
async fn shop(change: impl FnOnce(&mut Scope)) -> (TestServer, Device) {
    let server = TestServer::start().await;
    let mut scope = Scope::unconditional("payments", "Pay in your name");
    change(&mut scope);
    server.scope_as(scope).await;
    let till = server.public_client("till", PAY).await;
    (server, till)
}

async fn change(server: &TestServer, change: impl FnOnce(&mut Scope) + Send) {
    let by = &latchkey::domain::audit::By::OPERATOR;
    let (app, tenant): (_, TenantId) = (&server.app, DEFAULT_TENANT);
    latchkey::domain::scopes::change(app, tenant, "payments", &MeantFor::Any, by, change)
        .await
        .expect("the scope is changed");
}

fn bound_only(scope: &mut Scope) {
    scope.requires_dpop = true;
}

fn for_a_day(scope: &mut Scope) {
    scope.max_lifetime_seconds = Some(86_400);
}

#[tokio::test]
async fn a_scope_for_bound_tokens_only_is_refused_at_the_start_to_a_device_without_a_key() {
    let (server, till) = shop(bound_only).await;
    let refused = till.ask(&[("scope", PAY)]).await;
    refused.must_be_error("invalid_dpop_proof");
    assert_eq!(server.count("SELECT count(*) FROM device_authorizations").await, 0);
    let (ada, key) = (server.ada().await, DpopKey::new(&server));
    let tokens = till.with_key(&key).connect_bound(&ada, PAY).await;
    assert_eq!(tokens.string("scope"), "offline_access openid payments");
    let refreshed = till.with_key(&key).refresh(&tokens.string("refresh_token")).await;
    refreshed.must_be_bound_tokens();
    assert_eq!(refreshed.string("scope"), "offline_access openid payments");
}

#[tokio::test]
async fn a_device_that_names_no_scope_gets_those_its_lack_of_a_key_allows() {
    let (server, till) = shop(bound_only).await;
    let ada = server.ada().await;
    let asked = till.ask(&[]).await;
    let consent = ada.open(&asked.string("user_code")).await;
    assert!(!consent.says("Pay in your name"), "{consent:?}");
    ada.decide(&consent, "approve").await;
    let tokens = till.poll_code(&asked.string("device_code"), &[]).await;
    tokens.must_be_tokens();
    assert_eq!(tokens.string("scope"), REST);
}

#[tokio::test]
async fn a_scope_that_needs_a_key_from_now_on_is_lost_by_codes_and_devices_without_one() {
    let (server, till) = shop(|_| ()).await;
    let ada = server.ada().await;
    let connected = till.connect(&ada, PAY).await;
    let approved = till.start(PAY).await;
    ada.approve(&approved.user_code).await;
    let pending = till.start(PAY).await;
    change(&server, bound_only).await;
    // The statement that redeems and refreshes unseen must leave both alone.
    let collected = till.poll(&approved).await;
    collected.must_be_tokens();
    assert_eq!(collected.string("scope"), REST);
    let refreshed = till.refresh(&connected.string("refresh_token")).await;
    refreshed.must_be_tokens();
    assert_eq!(refreshed.string("scope"), REST);
    let again = till.refresh(&refreshed.string("refresh_token")).await;
    assert_eq!(again.string("scope"), REST);
    let consent = ada.open(&pending.user_code).await;
    assert!(!consent.says("Pay in your name"), "{consent:?}");
    let granted = "SELECT count(*) FROM devices d JOIN device_authorizations s ON s.id = d.id
                   WHERE 'payments' = ANY (d.granted_scopes) AND s.consumed_at IS NOT NULL";
    assert_eq!(server.count(granted).await, 1, "that of the device that was connected before");
    // The key that comes with the refresh binds the token, and brings the scope back.
    let key = DpopKey::new(&server);
    let bound = till.with_key(&key).refresh(&again.string("refresh_token")).await;
    bound.must_be_bound_tokens();
    assert_eq!(bound.string("scope"), "offline_access openid payments");
}

#[tokio::test]
async fn a_client_that_acts_for_itself_needs_the_key_too() {
    let (server, _) = shop(bound_only).await;
    let robot = server
        .client("robot", "payments", |client| {
            client.auth_method = AuthMethod::ClientSecretBasic;
            client.grant_types = vec![GrantType::ClientCredentials];
        })
        .await;
    let ask = async |robot: &Device, scope: &[(&str, &str)]| {
        let form = [&[("grant_type", "client_credentials")], scope].concat();
        robot.post("/oauth/token", &form).await
    };
    ask(&robot, &[("scope", "payments")]).await.must_be_error("invalid_dpop_proof");
    let nothing = ask(&robot, &[]).await;
    assert_eq!((nothing.status.as_u16(), nothing.string("scope").as_str()), (200, ""));
    let key = DpopKey::new(&server);
    let bound = ask(&robot.with_key(&key), &[("scope", "payments")]).await;
    assert_eq!((bound.status.as_u16(), bound.string("token_type").as_str()), (200, "DPoP"), "{bound:?}");
    change(&server, |scope| scope.max_lifetime_seconds = Some(120)).await;
    let short = ask(&robot.with_key(&key), &[]).await;
    assert_eq!(short.json["expires_in"], 120);
}

#[tokio::test]
async fn a_scope_ends_a_connection_early_and_the_person_is_told() {
    let (server, till) = shop(for_a_day).await;
    let ada = server.ada().await;
    let started = till.start(PAY).await;
    let consent = ada.open(&started.user_code).await;
    assert!(
        consent.says(&format!("{}1 day", words::before_value("consent-lifetime-renewable"))),
        "{consent:?}"
    );
    assert!(!consent.says("value=\"week\""), "{consent:?}");
    ada.decide(&consent, "approve").await;
    let tokens = till.poll(&started).await;
    tokens.must_be_tokens();
    let ends = "SELECT count(*) FROM devices WHERE expires_at = created_at + interval '1 day'";
    assert_eq!(server.count(ends).await, 1);
    server.clock.advance(86_000.0);
    let last = till.refresh(&tokens.string("refresh_token")).await;
    last.must_be_tokens();
    assert_eq!(last.json["expires_in"], 400);
    server.clock.advance(400.0);
    till.refresh(&last.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn who_leaves_the_scope_out_gets_no_more_time_than_the_page_told() {
    let (server, till) = shop(for_a_day).await;
    let ada = server.ada().await;
    let started = till.start(PAY).await;
    let consent = ada.open(&started.user_code).await;
    let mut fields = consent.form("/device/consent");
    fields.remove("scope:payments");
    fields.insert("decision".to_owned(), "approve".to_owned());
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    ada.post("/device/consent", &fields).await;
    let tokens = till.poll(&started).await;
    assert_eq!(tokens.string("scope"), REST);
    let ends = "SELECT count(*) FROM devices WHERE expires_at = created_at + interval '1 day'";
    assert_eq!(server.count(ends).await, 1);
}

#[tokio::test]
async fn an_earlier_end_counts_for_devices_that_are_connected_too() {
    let (server, till) = shop(|_| ()).await;
    let ada = server.ada().await;
    let [young, old] = [till.connect(&ada, PAY).await, till.connect(&ada, PAY).await];
    let approved = till.start(PAY).await;
    ada.approve(&approved.user_code).await;
    change(&server, for_a_day).await;
    till.poll(&approved).await.must_be_tokens();
    till.refresh(&young.string("refresh_token")).await.must_be_tokens();
    let ends = "SELECT count(*) FROM devices WHERE expires_at = created_at + interval '1 day'";
    assert_eq!(server.count(ends).await, 2, "the one that was collected, and the one that was refreshed");
    server.clock.advance(TimeDelta::days(1).as_seconds_f64());
    till.refresh(&old.string("refresh_token")).await.must_be_error("invalid_grant");
}

#[tokio::test]
async fn a_registered_client_with_a_secret_starts_with_its_key_as_well() {
    let (server, _) = shop(bound_only).await;
    let safe = server.client("safe", PAY, |client| client.auth_method = AuthMethod::ClientSecretBasic).await;
    safe.ask(&[("scope", PAY)]).await.must_be_error("invalid_dpop_proof");
    let (ada, key) = (server.ada().await, DpopKey::new(&server));
    let tokens = safe.with_key(&key).connect_bound(&ada, PAY).await;
    safe.refresh(&tokens.string("refresh_token")).await.must_be_error("invalid_grant");
    let refreshed = safe.with_key(&key).refresh(&tokens.string("refresh_token")).await;
    let (_, claims) = jwt::verify(&server, &server.base, &refreshed.string("access_token")).await;
    assert_eq!(claims["cnf"]["jkt"], key.thumbprint());
}
