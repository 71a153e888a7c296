//! Keys are announced, sign, retire and are removed, while devices refresh and services verify.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use latchkey::config::Coherence;
use latchkey::domain::signing_keys::advance::advance;
use latchkey::domain::signing_keys::forget_retired;
use latchkey::domain::signing_keys::rotate::TakeOver;
use latchkey::model::signing_key::SigningAlgorithm;
use latchkey::model::signing_key_life::KeyState;
use latchkey::model::tenant::DEFAULT_TENANT;
use serde_json::Value;

use super::{DAY, HOUR, es256, keys, kid, published, rotate_es256, sealed, signing_kid};
use crate::support::{Device, TestServer};

/// A server whose keys sign for a day and are announced two hours before.
async fn daily() -> TestServer {
    TestServer::with(|config| {
        (config.keys.rotation_days, config.keys.announce_hours) = (1, 2);
        // The longest there are.
        (config.tokens.access_lifetime_seconds, config.tokens.id_lifetime_seconds) = (3600, 3600);
    })
    .await
}

/// A service that keeps the published keys for so long, and never asks for them sooner.
struct Verifier {
    base: String,
    keeps: TimeDelta,
    read_at: DateTime<Utc>,
    keys: JwkSet,
}

impl Verifier {
    async fn at(server: &TestServer, keeps: TimeDelta) -> Self {
        let (base, read_at) = (server.base.clone(), server.clock.now());
        Self { keys: Self::read(server, &base).await, base, keeps, read_at }
    }

    async fn read(server: &TestServer, base: &str) -> JwkSet {
        let answer = server.http.get(format!("{base}/oauth/jwks")).send().await.expect("an answer");
        answer.json().await.expect("a key set")
    }

    async fn wait_for_its_turn(&mut self, server: &TestServer) {
        if server.clock.now() - self.read_at >= self.keeps {
            self.keys = Self::read(server, &self.base).await;
            self.read_at = server.clock.now();
        }
    }

    fn verifies(&self, token: &str) -> bool {
        let header = decode_header(token).expect("a JWT");
        let Some(jwk) = self.keys.find(header.kid.as_deref().expect("a kid")) else { return false };
        let mut validation = Validation::new(header.alg);
        (validation.validate_exp, validation.validate_aud) = (false, false);
        decode::<Value>(token, &DecodingKey::from_jwk(jwk).expect("a usable key"), &validation).is_ok()
    }
}

/// A device that renews its tokens now and then.
struct Refreshing {
    device: Device,
    refresh_token: String,
}

impl Refreshing {
    async fn access_token(&mut self, base: &str) -> String {
        let tokens = self.device.at(base).refresh(&self.refresh_token).await;
        tokens.must_be_tokens();
        self.refresh_token = tokens.string("refresh_token");
        tokens.string("access_token")
    }
}

#[tokio::test]
async fn keys_rotate_over_two_servers_and_every_token_verifies_until_it_is_dead() {
    let first = daily().await;
    let second = first.replica().await;
    let ada = first.ada().await;
    let mut devices = Vec::new();
    for algorithm in SigningAlgorithm::ALL {
        let (id, scope) = (algorithm.as_str(), "openid offline_access");
        let device = first.client(id, scope, |client| client.signing_algorithm = Some(algorithm)).await;
        let refresh_token = device.connect(&ada, scope).await.string("refresh_token");
        devices.push(Refreshing { device, refresh_token });
    }
    let old: BTreeSet<String> = sealed(&first).await.into_iter().collect();
    // One keeps the keys for as long as it may, the other not at all.
    let mut verifiers =
        [Verifier::at(&first, TimeDelta::minutes(10)).await, Verifier::at(&second, TimeDelta::zero()).await];
    let mut live: Vec<(DateTime<Utc>, String)> = Vec::new();
    let (mut seen_at, mut signed_at) = (BTreeMap::new(), BTreeMap::new());
    first.clock.advance(21.5 * HOUR);
    for round in 0..60 {
        first.clock.advance(290.0);
        let now = first.clock.now();
        // The last tokens of a key are signed in the instant before it retires.
        for (number, device) in devices.iter_mut().enumerate() {
            let server = if (round + number) % 2 == 0 { &first } else { &second };
            let token = device.access_token(&server.base).await;
            signed_at.entry(decode_header(&token).expect("a JWT").kid.expect("a kid")).or_insert(now);
            live.push((now + TimeDelta::seconds(3600), token));
        }
        let (here, there) = tokio::join!(advance(&first.app), advance(&second.app));
        assert!(here.is_ok() && there.is_ok(), "{here:?} {there:?}");
        for server in [&first, &second] {
            server.hear_all().await;
            for kid in published(server, &server.base).await {
                seen_at.entry(kid).or_insert(now);
            }
        }
        // Somebody's clock may be five minutes behind.
        live.retain(|(expires_at, _)| now <= *expires_at + TimeDelta::minutes(5));
        for verifier in &mut verifiers {
            verifier.wait_for_its_turn(&first).await;
            for (_, token) in &live {
                assert!(verifier.verifies(token), "round {round}: {token}");
            }
        }
    }
    let new: BTreeSet<String> = sealed(&first).await.into_iter().collect();
    assert_eq!((old.len(), new.len()), (3, 3));
    assert!(old.is_disjoint(&new), "{old:?} {new:?}");
    assert!(signed_at.keys().eq((&old | &new).iter()), "{signed_at:?}");
    for kid in &new {
        assert!(signed_at[kid] - seen_at[kid] >= TimeDelta::hours(2), "{kid} {seen_at:?} {signed_at:?}");
    }
    for server in [&first, &second] {
        assert_eq!(published(server, &server.base).await.into_iter().collect::<BTreeSet<_>>(), new);
    }
    // Both servers tried each time; each step was taken and noted once.
    for action in ["announced", "activated", "retired", "removed"] {
        assert_eq!(first.audited(&format!("signing_key.{action}"), "success").await, 3, "{action}");
    }
}

#[tokio::test]
async fn each_step_has_its_time_and_is_taken_once_by_many() {
    let server = daily().await;
    let replica = server.replica().await;
    let since = es256(&server, KeyState::Signing).await[0].signing_since.expect("it signs");
    let mut expected = vec!["signing"];
    for (at, next) in [
        (since + TimeDelta::hours(22), vec!["signing", "announced"]),
        (since + TimeDelta::hours(24), vec!["retired", "signing"]),
        (since + TimeDelta::hours(24) + TimeDelta::minutes(70), vec!["removed", "signing"]),
    ] {
        set_clock(&server, at - TimeDelta::seconds(1));
        advance(&server.app).await.expect("the database answers");
        assert_eq!(es256_states(&server).await, expected, "a second before {at}");
        set_clock(&server, at);
        let [a, b, c, d] = [&server.app, &replica.app, &server.app, &replica.app].map(|app| advance(app));
        let (a, b, c, d) = tokio::join!(a, b, c, d);
        assert!([a, b, c, d].iter().all(Result::is_ok));
        assert_eq!(es256_states(&server).await, next, "{at}");
        expected = next;
    }
    let events: Vec<(String, String)> = sqlx::query_as(
        "SELECT action, actor_kind FROM audit_events
         WHERE details->>'alg' = 'ES256' AND action <> 'signing_key.created' ORDER BY at, action",
    )
    .fetch_all(&server.app.db)
    .await
    .expect("the database answers");
    let steps = ["announced", "activated", "retired", "removed"];
    let expected = steps.map(|step| (format!("signing_key.{step}"), "server".to_owned()));
    assert_eq!(events, expected);
}

/// Where the default tenant's ES256 keys are, oldest first.
async fn es256_states(server: &TestServer) -> Vec<&'static str> {
    let all = keys(server, DEFAULT_TENANT).await.into_iter();
    all.filter(|key| key.algorithm == SigningAlgorithm::Es256).map(|key| key.state.as_str()).collect()
}

fn set_clock(server: &TestServer, at: DateTime<Utc>) {
    #[expect(clippy::cast_precision_loss, reason = "some days in microseconds")]
    let microseconds = (at - server.clock.now()).num_microseconds().expect("some days") as f64;
    server.clock.advance(microseconds / 1e6);
}

#[tokio::test]
async fn an_announced_key_is_published_and_does_not_sign_yet() {
    let server = TestServer::start().await;
    let (tv, ada) = (server.tv().await, server.ada().await);
    let before = signing_kid(&server).await;
    let announced = rotate_es256(&server, TakeOver::WhenKnown).await;
    assert_eq!(announced.state, KeyState::Announced);
    assert!(published(&server, &server.base).await.contains(&announced.kid));
    assert_eq!(kid(&tv.connect(&ada, "openid").await), before);
    server.clock.advance(DAY - 1.0);
    advance(&server.app).await.expect("the database answers");
    assert_eq!(kid(&tv.connect(&ada, "openid").await), before);
    server.clock.advance(1.0);
    advance(&server.app).await.expect("the database answers");
    assert_eq!(kid(&tv.connect(&ada, "openid").await), announced.kid);
    // Nobody can sign with the old one any more, not even with a copy of the database and the master key.
    assert!(!sealed(&server).await.contains(&before));
    assert!(published(&server, &server.base).await.contains(&before));
}

#[tokio::test]
async fn rotating_again_finds_the_successor_that_waits() {
    let server = TestServer::start().await;
    let replica = server.replica().await;
    let (one, two) =
        tokio::join!(rotate_es256(&server, TakeOver::WhenKnown), rotate_es256(&replica, TakeOver::WhenKnown));
    assert_eq!(one.kid, two.kid);
    assert_eq!(server.audited("signing_key.announced", "success").await, 1);
    let now = rotate_es256(&server, TakeOver::AtOnce).await;
    assert_eq!((now.kid.as_str(), now.state), (one.kid.as_str(), KeyState::Signing));
    assert_eq!(signing_kid(&server).await, one.kid);
    for action in ["announced", "activated", "retired"] {
        assert_eq!(server.audited(&format!("signing_key.{action}"), "success").await, 1, "{action}");
    }
}

#[tokio::test]
async fn without_a_rotation_only_an_operator_rotates() {
    let server = TestServer::with(|config| config.keys.rotation_days = 0).await;
    server.clock.advance(4_000.0 * DAY);
    assert_eq!(advance(&server.app).await.expect("the database answers"), 0);
    let announced = rotate_es256(&server, TakeOver::WhenKnown).await;
    server.clock.advance(DAY);
    advance(&server.app).await.expect("the database answers");
    assert_eq!(signing_kid(&server).await, announced.kid);
}

#[tokio::test]
async fn other_tenants_and_algorithms_keep_their_keys() {
    let server = TestServer::start().await;
    let (acme, _) = server.tenant("acme").await;
    let names = |keys: Vec<latchkey::model::signing_key_life::KeyLife>| {
        keys.into_iter().map(|key| (key.kid, key.state.as_str())).collect::<BTreeMap<_, _>>()
    };
    let (ours, theirs) = (names(keys(&server, DEFAULT_TENANT).await), names(keys(&server, acme).await));
    let old = signing_kid(&server).await;
    let new = rotate_es256(&server, TakeOver::AtOnce).await.kid;
    assert_eq!(names(keys(&server, acme).await), theirs);
    let mut expected = ours;
    expected.insert(old, "retired");
    expected.insert(new, "signing");
    assert_eq!(names(keys(&server, DEFAULT_TENANT).await), expected);
}

#[tokio::test]
async fn a_server_that_missed_an_announcement_finds_out_by_itself() {
    let first = TestServer::with(|config| config.sessions.coherence = Coherence::ReadThrough).await;
    let deaf = first.replica().await;
    // It believes to hear, and does not.
    deaf.app.cached.trust();
    let (tv, ada) = (first.tv().await, first.ada().await);
    let at_deaf = tv.at(&deaf.base);
    let old = kid(&at_deaf.connect(&ada.at(&deaf.base), "openid").await);
    let new = rotate_es256(&first, TakeOver::AtOnce).await.kid;
    assert_eq!(kid(&at_deaf.connect(&ada.at(&deaf.base), "openid").await), old);
    forget_retired(&deaf.app).await.expect("the database answers");
    assert!(!deaf.app.key_ring.kids().iter().any(|(_, kid)| *kid == old));
    assert_eq!(kid(&at_deaf.connect(&ada.at(&deaf.base), "openid").await), new);
    assert!(published(&deaf, &deaf.base).await.contains(&new));
}

#[tokio::test]
async fn without_announcements_the_next_request_obeys() {
    let first = TestServer::with(|config| config.sessions.coherence = Coherence::ReadThrough).await;
    let second = first.replica().await;
    let (tv, ada) = (first.tv().await, first.ada().await);
    let at_second = tv.at(&second.base);
    at_second.connect(&ada.at(&second.base), "openid").await;
    let new = rotate_es256(&first, TakeOver::AtOnce).await.kid;
    assert_eq!(kid(&at_second.connect(&ada.at(&second.base), "openid").await), new);
    assert!(published(&second, &second.base).await.contains(&new));
}
