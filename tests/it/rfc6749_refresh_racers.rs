//! Programs of one device that refresh at a time, on two servers: each gets tokens that work, however many they are, and
//! the device keeps one refresh token.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use latchkey::domain::mac_keys;
use latchkey::model::refresh_token::RefreshToken;
use latchkey::model::tenant::DEFAULT_TENANT;
use latchkey::random::Random;
use tokio::task::JoinSet;

use crate::support::{Answer, Device, DpopKey, TestServer};

const OFFLINE: &str = "openid offline_access";
const RACERS: [usize; 4] = [2, 4, 8, 24];
/// Rounds of each number of racers. Two hundred find what is rarer.
const ROUNDS: usize = 4;
const REVOKED: &str = "SELECT count(*) FROM devices WHERE revoked_at IS NOT NULL";

/// Two servers, a device, and an API that asks about access tokens.
struct Track {
    servers: [TestServer; 2],
    tv: Device,
    api: Device,
}

impl Track {
    async fn build() -> Self {
        let first = TestServer::with(|config| {
            config.rate_limits.enabled = false;
            config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        })
        .await;
        let second = first.replica().await;
        first.clock.run();
        let (tv, api) = (first.tv().await, first.api().await);
        Self { servers: [first, second], tv, api }
    }

    /// The first refresh token of a device.
    async fn connect(&self, device: &Device) -> String {
        let started = device.start(OFFLINE).await;
        let ada = crate::support::Person::new(&self.servers[0].base, "ada", crate::support::server::PASSWORD);
        ada.approve(&started.user_code).await;
        device.poll(&started).await.string("refresh_token")
    }

    /// The same device, at each server in turn.
    fn at(&self, device: &Device, number: usize) -> Device {
        device.at(&self.servers[number % 2].base)
    }

    /// Insists that nothing was revoked, and that all of these answers have access tokens that work.
    async fn must_be_well(&self, answers: &[Answer]) {
        assert_eq!(self.servers[0].count(REVOKED).await, 0);
        for answer in answers {
            assert_eq!(answer.status, 200, "{answer:?}");
            self.api.introspect(&answer.string("access_token")).await.must_be_active();
        }
    }

    /// The generation of the one device.
    async fn generation(&self) -> i64 {
        self.servers[0].count("SELECT generation FROM devices ORDER BY created_at DESC LIMIT 1").await
    }
}

/// Waits for up to 30 ms, as programs do that were started together.
async fn jitter() {
    let mut byte = [0];
    Random::system().fill(&mut byte);
    tokio::time::sleep(Duration::from_millis(u64::from(byte[0] % 31))).await;
}

/// Rounds in which these devices use one token at a time.
async fn race(track: &Track, devices: &[Device]) {
    let mut token = track.connect(&devices[0]).await;
    for round in 0..ROUNDS {
        let mut racers = JoinSet::new();
        for (number, device) in devices.iter().enumerate() {
            let (device, token) = (track.at(device, number + round), token.clone());
            racers.spawn(async move {
                jitter().await;
                device.refresh(&token).await
            });
        }
        let answers = racers.join_all().await;
        track.must_be_well(&answers).await;
        token = answers[0].string("refresh_token");
        assert!(answers.iter().all(|answer| answer.string("refresh_token") == token), "{answers:?}");
        assert_eq!(track.generation().await, i64::try_from(round).expect("a few") + 2);
    }
}

#[tokio::test]
async fn racers_from_one_address_all_get_the_one_next_token() {
    let track = Track::build().await;
    track.servers[0].ada().await;
    for racers in RACERS {
        race(&track, &vec![track.tv.clone(); racers]).await;
    }
}

#[tokio::test]
async fn racers_from_changing_addresses_all_get_the_one_next_token() {
    let track = Track::build().await;
    track.servers[0].ada().await;
    let key = DpopKey::new(&track.servers[0]);
    for racers in RACERS {
        // Of one network without proof, of any with one.
        let near = |number| track.tv.forwarded_for(&format!("198.51.100.{number}"));
        race(&track, &(0..racers).map(near).collect::<Vec<_>>()).await;
        let far = |number| track.tv.with_key(&key).forwarded_for(&format!("203.0.{number}.1"));
        race(&track, &(0..racers).map(far).collect::<Vec<_>>()).await;
    }
}

/// The newest token that any of the readers has received.
struct Newest {
    generation: i64,
    token: String,
}

#[tokio::test]
async fn readers_of_a_shared_token_all_get_tokens() {
    let track = Track::build().await;
    track.servers[0].ada().await;
    let key = mac_keys::tokens(&track.servers[0].app, DEFAULT_TENANT).await.expect("the database answers");
    for readers in RACERS {
        let first = track.connect(&track.tv).await;
        let newest = Arc::new(Mutex::new(Newest { generation: 1, token: first }));
        for round in 0..ROUNDS {
            let mut running = JoinSet::new();
            for number in 0..readers {
                let (device, newest, key) =
                    (track.at(&track.tv, number + round), Arc::clone(&newest), Arc::clone(&key));
                // All read the file before anyone writes it.
                let token = newest.lock().expect("nobody panics").token.clone();
                running.spawn(async move {
                    jitter().await;
                    let answer = device.refresh(&token).await;
                    let token = answer.must_be_tokens().string("refresh_token");
                    let read = RefreshToken::read(DEFAULT_TENANT, &key, &token).expect("a refresh token");
                    let mut newest = newest.lock().expect("nobody panics");
                    if read.generation() > newest.generation {
                        *newest = Newest { generation: read.generation(), token };
                    }
                    answer
                });
            }
            let answers = running.join_all().await;
            track.must_be_well(&answers).await;
            let generation = newest.lock().expect("nobody panics").generation;
            assert_eq!(track.generation().await, generation);
        }
    }
}
