//! What single steps of a request cost: `cargo bench --bench micro`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use divan::Bencher;
use latchkey::clock::Clock;
use latchkey::domain::device_flow::answer;
use latchkey::domain::dpop::proof::{self, Expected};
use latchkey::domain::dpop::target::Target;
use latchkey::model::bearer_secret::SecretHash;
use latchkey::model::client::Client;
use latchkey::model::client_authentication::CredentialPlace;
use latchkey::model::device_authorization::{DeviceAuthorization, Polling, State};
use latchkey::model::device_code::DeviceCode;
use latchkey::model::ids::{ClientId, DeviceAuthorizationId};
use latchkey::model::jws::UnverifiedJws;
use latchkey::model::signing_key::{NewKeyPair, SigningAlgorithm, SigningPair};
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::model::user_code::UserCode;
use latchkey::model::verifying_key::VerifyingKey;
use latchkey::random::Random;
use latchkey::secrets::{MacKey, MasterKey, Secrets};
use latchkey::store::device_authorizations::memory::{
    CountedPoll, Owner, PendingSession, PollAnswer, SessionMemory,
};
use latchkey::store::recent_proofs::RecentProofs;
use serde_json::json;

const POLL: CountedPoll = CountedPoll { place: CredentialPlace::Body, answer: PollAnswer::Pending };

fn main() {
    divan::main();
}

fn tv() -> ClientId {
    ClientId::parse("tv").expect("a client id")
}

fn later(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::minutes(10)
}

/// The rule of RFC 8628 §3.5 alone.
#[divan::bench]
fn poll_rule(bencher: Bencher<'_, '_>) {
    let now = Clock::system().now();
    let session = DeviceAuthorization {
        id: DeviceAuthorizationId(Random::system().uuid_v7(now)),
        tenant_id: DEFAULT_TENANT,
        client_id: tv(),
        dpop_key: None,
        expires_at: later(now),
        state: State::Pending,
    };
    let polling = Polling { interval_seconds: 5, last_polled_at: Some(now - TimeDelta::seconds(5)) };
    let client = Client::public(DEFAULT_TENANT, tv());
    let asker = answer::Asker { client: &client, place: CredentialPlace::Body, dpop_key: None };
    bencher.bench(|| answer::answer(divan::black_box(&session), &polling, None, asker, now));
}

/// Finding a waiting session among so many, and noting a poll.
#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn look_up(bencher: Bencher<'_, '_>, sessions: usize) {
    let (random, now) = (Random::system(), Clock::system().now());
    let memory = SessionMemory::new(2 * sessions);
    memory.trust();
    let owner = Arc::new(Owner { tenant_id: DEFAULT_TENANT, client_id: tv(), tally: Arc::default() });
    let ids: Vec<DeviceAuthorizationId> = (0..sessions)
        .map(|_| {
            let id = DeviceAuthorizationId(random.uuid_v7(now));
            let polling = Polling { interval_seconds: 5, last_polled_at: None };
            memory.remember_new(PendingSession::new(id, Arc::clone(&owner), later(now), polling), now);
            id
        })
        .collect();
    let mut turns = ids.iter().cycle();
    bencher.bench_local(|| {
        turns.next().and_then(|id| memory.with(id, |session| session.record_poll(POLL, now)))
    });
}

/// A device code with its MAC.
#[divan::bench]
fn read_device_code(bencher: Bencher<'_, '_>) {
    let (key, code) = (token_key(), device_code(&Random::system()).write(DEFAULT_TENANT, &token_key()));
    bencher.bench(|| DeviceCode::read(DEFAULT_TENANT, &key, divan::black_box(code.expose())));
}

/// A new device code.
#[divan::bench]
fn make_device_code(bencher: Bencher<'_, '_>) {
    let (key, random) = (token_key(), Random::system());
    bencher.bench(|| device_code(&random).write(DEFAULT_TENANT, &key));
}

fn token_key() -> MacKey {
    MacKey::new(&[7; 32]).expect("32 bytes")
}

fn device_code(random: &Random) -> DeviceCode {
    let now = Clock::system().now();
    DeviceCode::generate(DeviceAuthorizationId(random.uuid_v7(now)), later(now), random)
}

/// HMAC-SHA-256 of a user code.
#[divan::bench]
fn user_code_mac(bencher: Bencher<'_, '_>) {
    let key = MacKey::new(&[7; 32]).expect("a key has 32 bytes");
    let code = UserCode::sample(8, &Random::system());
    bencher.bench(|| key.code(&[b"user code\0", divan::black_box(&code).as_str().as_bytes()]));
}

/// Sealing a user code for the database.
#[divan::bench]
fn seal_user_code(bencher: Bencher<'_, '_>) {
    let (secrets, random) = (Secrets::derive(&MasterKey::from_bytes([7; 32]).into()), Random::system());
    bencher.bench(|| secrets.database.seal(divan::black_box(b"BDJWDSXQ"), "user code", &random));
}

/// The signature of a token of the usual size, with a key that was read once.
#[divan::bench(args = SigningAlgorithm::ALL)]
fn sign(bencher: Bencher<'_, '_>, algorithm: SigningAlgorithm) {
    let (pair, message) = (signing_pair(&key_pair(algorithm)), message(algorithm));
    bencher.bench(|| pair.sign(divan::black_box(message.as_bytes())));
}

/// Taking the token apart and verifying it, with a key that was read once.
#[divan::bench(args = SigningAlgorithm::ALL)]
fn verify(bencher: Bencher<'_, '_>, algorithm: SigningAlgorithm) {
    let (pair, message) = (key_pair(algorithm), message(algorithm));
    let signature = signing_pair(&pair).sign(message.as_bytes()).expect("a signature");
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let jwk = pair.public_jwk.as_object().expect("an object");
    let key = VerifyingKey::from_jwk(jwk, Some(algorithm)).expect("a key");
    assert!(UnverifiedJws::parse(&token).expect("a token").verify(&key).is_ok());
    bencher.bench(|| UnverifiedJws::parse(divan::black_box(&token)).map(|jws| jws.verify(&key)));
}

/// Reading the private key, which is done once.
#[divan::bench(args = SigningAlgorithm::ALL)]
fn read_key(bencher: Bencher<'_, '_>, algorithm: SigningAlgorithm) {
    let pair = key_pair(algorithm);
    bencher.bench(|| SigningPair::read(algorithm, divan::black_box(&pair.private_der)));
}

fn key_pair(algorithm: SigningAlgorithm) -> NewKeyPair {
    NewKeyPair::generate(algorithm).expect("a key")
}

fn signing_pair(pair: &NewKeyPair) -> SigningPair {
    SigningPair::read(pair.algorithm, &pair.private_der).expect("a key")
}

/// What is signed of a token (RFC 7515 §5.1).
fn message(algorithm: SigningAlgorithm) -> String {
    let header = json!({"typ": "at+jwt", "alg": algorithm.as_str(), "kid": "Xd3QIiboKv3pKwgcTHgVRn0199W0A4Ewu_Upzgo_ffg"});
    [header, claims()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
}

/// A DPoP proof: taken apart, its key read, its signature and its claims checked.
#[divan::bench(args = SigningAlgorithm::ALL)]
fn check_dpop_proof(bencher: Bencher<'_, '_>, algorithm: SigningAlgorithm) {
    let now = Clock::system().now();
    let pair = NewKeyPair::generate(algorithm).expect("a key");
    let signer = SigningPair::read(algorithm, &pair.private_der).expect("the key can be read");
    let htu = "https://login.example.org/oauth/token";
    let header = json!({"typ": "dpop+jwt", "alg": algorithm.as_str(), "jwk": pair.public_jwk});
    let claims = json!({"jti": "019aabcd", "htm": "POST", "htu": htu, "iat": now.timestamp()});
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(message.as_bytes()).expect("a signature"));
    let jwt = format!("{message}.{signature}");
    let paths = ["/oauth/token".to_owned(), "/api/v1/oauth/token".to_owned()];
    let target = Target { origin: "https://login.example.org", paths: &paths };
    let expected = Expected { method: "POST", target, access_token: None, nonces: None };
    bencher.bench(|| proof::check(divan::black_box(&jwt), &expected, &[now]).expect("it holds"));
}

/// Whether a proof was seen before, while so many are remembered.
#[divan::bench(args = [1_000, 1_000_000])]
fn note_dpop_proof(bencher: Bencher<'_, '_>, proofs: usize) {
    let (random, now) = (Random::system(), Clock::system().now());
    let memory = RecentProofs::new(usize::MAX);
    let draw = || {
        let mut proof = SecretHash([0; 32]);
        random.fill(&mut proof.0);
        proof
    };
    let soon = |number: usize| now + TimeDelta::seconds(i64::try_from(number % 90).unwrap_or_default());
    for number in 0..proofs {
        memory.note(draw(), soon(number), now);
    }
    bencher.with_inputs(draw).bench_local_values(|proof| memory.note(proof, soon(60), now));
}

fn claims() -> serde_json::Value {
    json!({
        "iss": "https://login.example.org", "sub": "019aabcd-0000-7000-8000-000000000000",
        "aud": "https://login.example.org/api", "client_id": "tv", "iat": 1_800_000_000, "exp": 1_800_000_600,
        "jti": "019aabcd-0000-7000-8000-000000000001", "scope": "offline_access openid",
        "auth_time": 1_800_000_000, "amr": ["pwd"], "device_id": "019aabcd-0000-7000-8000-000000000002",
    })
}
