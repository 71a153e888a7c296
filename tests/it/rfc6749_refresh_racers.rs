//! Programs of one device that refresh at a time, on two servers: each gets tokens that work, however many they are, and
//! the device keeps one refresh token.

use futures_util::future::join_all;
use latchkey::domain::mac_keys;
use latchkey::model::refresh_token::RefreshToken;
use latchkey::model::tenant::DEFAULT_TENANT;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::rounds::times;
use crate::support::{Answer, Chance, Device, DpopKey, Person, TestServer};
use token_file::{Reader, TokenFile};

mod token_file;

const OFFLINE: &str = "openid offline_access";
const RACERS: [usize; 4] = [2, 4, 8, 24];
/// Rounds of each number of racers in the usual run.
const ROUNDS: usize = 2;
/// Programs that were started together ask within so many milliseconds.
const JITTER: u64 = 30;

/// Two servers, a device, its person, and an API that asks about access tokens.
struct Track {
    servers: [TestServer; 2],
    tv: Device,
    ada: Person,
    api: Device,
    chance: Chance,
}

impl Track {
    async fn build(play: &str) -> Self {
        let first = TestServer::with(|config| {
            config.rate_limits.enabled = false;
            config.server.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        })
        .await;
        let second = first.replica().await;
        first.clock.run();
        let (tv, ada, api) = (first.tv().await, first.ada().await, first.api().await);
        Self { servers: [first, second], tv, ada, api, chance: Chance::of(play) }
    }

    /// Connects a device; the tokens.
    async fn connect(&self, device: &Device) -> Answer {
        let started = device.start(OFFLINE).await;
        self.ada.approve(&started.user_code).await;
        let answer = device.poll(&started).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// The same device, at each server in turn.
    fn at(&self, device: &Device, number: usize) -> Device {
        device.at(&self.servers[number % 2].base)
    }

    /// Insists that nothing was revoked, and that all of these access tokens work.
    async fn must_be_well(&self, access_tokens: &[String]) {
        let revoked = "SELECT count(*) FROM devices WHERE revoked_at IS NOT NULL";
        assert_eq!(self.servers[0].count(revoked).await, 0);
        for answer in join_all(access_tokens.iter().map(|token| self.api.introspect(token))).await {
            answer.must_be_active();
        }
    }

    /// Insists that the newest device's one exchangeable token is this one; its generation.
    async fn must_be_the_newest(&self, refresh_token: &str) -> i64 {
        let key = mac_keys::tokens(&self.servers[0].app, DEFAULT_TENANT).await.expect("the database answers");
        let read = RefreshToken::read(DEFAULT_TENANT, &key, refresh_token).expect("a refresh token");
        let stored = "SELECT generation FROM devices ORDER BY created_at DESC LIMIT 1";
        assert_eq!(self.servers[0].count(stored).await, read.generation());
        read.generation()
    }

    /// Rounds in which these devices use one token at a time.
    async fn race(&mut self, devices: &[Device]) {
        let mut token = self.connect(&devices[0]).await.string("refresh_token");
        for round in 0..times(ROUNDS) {
            let mut racers = JoinSet::new();
            for (number, device) in devices.iter().enumerate() {
                let (device, token) = (self.at(device, number + round), token.clone());
                let jitter = self.chance.up_to(JITTER);
                racers.spawn(async move {
                    sleep(jitter).await;
                    device.refresh(&token).await
                });
            }
            let answers = racers.join_all().await;
            for answer in &answers {
                assert_eq!(answer.status, 200, "{answer:?}");
            }
            token = answers[0].string("refresh_token");
            assert!(answers.iter().all(|answer| answer.string("refresh_token") == token), "{answers:?}");
            let access: Vec<_> = answers.iter().map(|answer| answer.string("access_token")).collect();
            self.must_be_well(&access).await;
            let generation = self.must_be_the_newest(&token).await;
            assert_eq!(generation, i64::try_from(round).expect("a few") + 2, "one exchange a round");
        }
        println!("{} rounds of {} racers", times(ROUNDS), devices.len());
    }

    /// Rounds in which so many programs start that share a file, each when the access token in it has run out.
    async fn share(&mut self, readers: usize, reader: Reader) {
        let file = TokenFile::new(&self.connect(&self.tv).await);
        for round in 0..times(ROUNDS) {
            let run_out = file.read().access_token;
            let mut running = JoinSet::new();
            for number in 0..readers {
                let (device, file) = (self.at(&self.tv, number + round), file.clone());
                let (jitter, run_out) = (self.chance.up_to(JITTER), run_out.clone());
                running.spawn(async move {
                    sleep(jitter).await;
                    file.access_token(&device, reader, &run_out).await
                });
            }
            let access = running.join_all().await;
            assert!(!access.contains(&run_out));
            self.must_be_well(&access).await;
            self.must_be_the_newest(&file.read().refresh_token).await;
        }
        println!("{} rounds of {readers} readers, {reader:?}", times(ROUNDS));
    }
}

#[tokio::test]
async fn racers_from_one_address_all_get_the_one_next_token() {
    let mut track = Track::build("racers from one address").await;
    for racers in RACERS {
        track.race(&vec![track.tv.clone(); racers]).await;
    }
}

#[tokio::test]
async fn racers_from_changing_addresses_of_one_network_all_get_the_one_next_token() {
    let mut track = Track::build("racers from one network").await;
    for racers in RACERS {
        let near = |number| track.tv.forwarded_for(&format!("198.51.100.{number}"));
        let devices: Vec<_> = (0..racers).map(near).collect();
        track.race(&devices).await;
    }
}

#[tokio::test]
async fn racers_that_prove_a_key_all_get_the_one_next_token_in_any_network() {
    let mut track = Track::build("racers from many networks").await;
    let key = DpopKey::new(&track.servers[0]);
    for racers in RACERS {
        let far = |number| track.tv.with_key(&key).forwarded_for(&format!("203.0.{number}.1"));
        let devices: Vec<_> = (0..racers).map(far).collect();
        track.race(&devices).await;
    }
}

#[tokio::test]
async fn readers_of_a_shared_file_all_get_tokens() {
    let mut track = Track::build("readers of a file").await;
    for readers in RACERS {
        track.share(readers, Reader::LooksFirst).await;
    }
    // More of them could overtake one another twice, which the rule takes for theft.
    track.share(2, Reader::AlwaysRefreshes).await;
}
