//! What one statement may do unseen: only what the rule would do as well. Whatever is not plain it leaves as it was.

use chrono::TimeDelta;
use latchkey::domain::{audit, mac_keys};
use latchkey::model::bearer_secret::SecretHash;
use latchkey::model::ids::{ClientId, RequestId};
use latchkey::model::refresh_token::RefreshToken;
use latchkey::model::request_origin::RequestOrigin;
use latchkey::model::scope::ScopeSet;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::store::device_authorizations::redemptions::{self, Redemption};
use latchkey::store::event_keys::EventKey;
use latchkey::store::refresh_tokens::TokenName;
use latchkey::store::refresh_tokens::exchanges::{Exchange, Ground, PlainCase};
use latchkey::store::sending::Sending;

use crate::support::{Started, TestServer};

const OFFLINE: &str = "openid offline_access";
const LONGEST: TimeDelta = TimeDelta::days(90);

fn origin(server: &TestServer) -> RequestOrigin {
    let request_id = RequestId(server.app.random.uuid_v7(server.clock.now()));
    RequestOrigin { request_id, ip_address: [127, 0, 0, 1].into(), user_agent: None }
}

fn tv() -> ClientId {
    ClientId::parse("tv").expect("an identifier")
}

async fn event_key(server: &TestServer) -> EventKey {
    audit::event_key(&server.app, DEFAULT_TENANT, server.clock.now()).await.expect("the database answers")
}

/// The refresh token that this server wrote.
async fn read(server: &TestServer, token: &str) -> RefreshToken {
    let key = mac_keys::tokens(&server.app, DEFAULT_TENANT).await.expect("the database answers");
    RefreshToken::read(DEFAULT_TENANT, &key, token).expect("a refresh token")
}

async fn is_exchanged(server: &TestServer, token: &RefreshToken, plain: PlainCase) -> bool {
    let (app, at) = (&server.app, server.clock.now());
    let exchange = Exchange {
        token: TokenName { tenant: DEFAULT_TENANT, device: token.device(), hash: token.hash() },
        presented: token.generation(),
        ground: Ground::Plain(plain),
        idle_expires_at: at + TimeDelta::days(14),
        is_audited: true,
        audit: event_key(server).await,
        origin: origin(server),
        at,
        sending: Sending::default(),
    };
    app.queues.exchanges.submit(exchange).await.expect("the database answers").is_some()
}

async fn is_redeemed(server: &TestServer, started: &Started, plain: redemptions::PlainCase) -> bool {
    let (app, at) = (&server.app, server.clock.now());
    let code = server.read_code(&started.device_code).await;
    let redemption = Redemption {
        tenant: DEFAULT_TENANT,
        id: code.authorization(),
        code: code.hash(),
        ground: redemptions::Ground::Plain(plain),
        expires_at: at + LONGEST,
        token: SecretHash::of("its random bytes"),
        idle_expires_at: Some(at + TimeDelta::days(14)),
        audit: event_key(server).await,
        origin: origin(server),
        at,
        sending: Sending::default(),
    };
    app.queues.redemptions.submit(redemption).await.expect("the database answers").is_some()
}

#[tokio::test]
async fn a_token_is_exchanged_unseen_only_when_there_is_nothing_to_judge() {
    let server = TestServer::start().await;
    let (device, ada) = (server.tv().await, server.ada().await);
    let token = device.connect(&ada, OFFLINE).await.string("refresh_token");
    let token = read(&server, &token).await;
    let scopes = ScopeSet::parse(OFFLINE).unwrap();
    let plain = PlainCase { client: tv(), scopes, not_before: None, longest: LONGEST };
    let later = Some(server.clock.now() + TimeDelta::seconds(1));
    for otherwise in [
        PlainCase { client: ClientId::parse("other").unwrap(), ..plain.clone() },
        PlainCase { scopes: ScopeSet::parse("offline_access").unwrap(), ..plain.clone() },
        PlainCase { not_before: later, ..plain.clone() },
        PlainCase { longest: LONGEST - TimeDelta::seconds(1), ..plain.clone() },
    ] {
        assert!(!is_exchanged(&server, &token, otherwise.clone()).await, "{otherwise:?}");
    }
    for (change, back) in [
        ("UPDATE devices SET dpop_jkt = '\\x00'", "UPDATE devices SET dpop_jkt = NULL"),
        ("UPDATE devices SET revoked_at = now()", "UPDATE devices SET revoked_at = NULL"),
        (
            "UPDATE devices SET granted_scopes = '{openid}'",
            "UPDATE devices SET granted_scopes = '{openid,offline_access}'",
        ),
        ("UPDATE devices SET trusted = true", "UPDATE devices SET trusted = false"),
        ("UPDATE devices SET locked_at = now()", "UPDATE devices SET locked_at = NULL"),
        (
            "UPDATE devices SET idle_expires_at = idle_expires_at - interval '15 days'",
            "UPDATE devices SET idle_expires_at = idle_expires_at + interval '15 days'",
        ),
        ("UPDATE devices SET generation = 2", "UPDATE devices SET generation = 1"),
        ("UPDATE users SET tokens_not_before = 'infinity'", "UPDATE users SET tokens_not_before = NULL"),
        ("UPDATE users SET enabled = false", "UPDATE users SET enabled = true"),
        ("UPDATE clients SET enabled = false", "UPDATE clients SET enabled = true"),
        ("UPDATE tenants SET enabled = false", "UPDATE tenants SET enabled = true"),
    ] {
        server.execute(change).await;
        assert!(!is_exchanged(&server, &token, plain.clone()).await, "{change}");
        server.execute(back).await;
    }
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE generation = 1").await, 1);
    assert!(is_exchanged(&server, &token, plain.clone()).await);
    assert!(!is_exchanged(&server, &token, plain).await, "it was used");
    assert_eq!(server.count("SELECT count(*) FROM devices WHERE generation = 2").await, 1);
}

#[tokio::test]
async fn a_code_is_redeemed_unseen_only_when_there_is_nothing_to_judge() {
    let server = TestServer::start().await;
    let (device, ada) = (server.tv().await, server.ada().await);
    let started = device.start(OFFLINE).await;
    let scopes = ScopeSet::parse(OFFLINE).unwrap();
    let plain = redemptions::PlainCase { client: tv(), scopes, not_before: None };
    assert!(!is_redeemed(&server, &started, plain.clone()).await, "nobody has decided");
    ada.approve(&started.user_code).await;
    let later = Some(server.clock.now() + TimeDelta::seconds(1));
    for otherwise in [
        redemptions::PlainCase { client: ClientId::parse("other").unwrap(), ..plain.clone() },
        redemptions::PlainCase { scopes: ScopeSet::parse("offline_access").unwrap(), ..plain.clone() },
        redemptions::PlainCase { not_before: later, ..plain.clone() },
    ] {
        assert!(!is_redeemed(&server, &started, otherwise.clone()).await, "{otherwise:?}");
    }
    for (change, back) in [
        (
            "UPDATE device_authorizations SET dpop_jkt = '\\x00'",
            "UPDATE device_authorizations SET dpop_jkt = NULL",
        ),
        (
            "UPDATE device_authorizations SET trusted = true",
            "UPDATE device_authorizations SET trusted = false",
        ),
        (
            "UPDATE device_authorizations SET state = 'denied'",
            "UPDATE device_authorizations SET state = 'approved'",
        ),
        (
            "UPDATE device_authorizations SET expires_at = expires_at - interval '1 day'",
            "UPDATE device_authorizations SET expires_at = expires_at + interval '1 day'",
        ),
        (
            "UPDATE device_authorizations SET granted_scopes = '{openid}'",
            "UPDATE device_authorizations SET granted_scopes = '{openid,offline_access}'",
        ),
        ("UPDATE users SET tokens_not_before = 'infinity'", "UPDATE users SET tokens_not_before = NULL"),
        ("UPDATE users SET locked_at = now()", "UPDATE users SET locked_at = NULL"),
        ("UPDATE clients SET enabled = false", "UPDATE clients SET enabled = true"),
        ("UPDATE tenants SET enabled = false", "UPDATE tenants SET enabled = true"),
    ] {
        server.execute(change).await;
        assert!(!is_redeemed(&server, &started, plain.clone()).await, "{change}");
        server.execute(back).await;
    }
    assert_eq!(server.count("SELECT count(*) FROM devices").await, 0);
    server.execute("UPDATE device_authorizations SET chosen_lifetime_seconds = 3600").await;
    assert!(is_redeemed(&server, &started, plain.clone()).await);
    assert!(!is_redeemed(&server, &started, plain).await, "it was used");
    let ends_in_an_hour = "SELECT count(*) FROM devices WHERE expires_at = created_at + interval '1 hour' AND idle_expires_at = expires_at";
    assert_eq!(server.count(ends_in_an_hour).await, 1);
}
