//! A rotation from beginning to end, on two servers, while devices go on refreshing.

use std::sync::Arc;

use latchkey::domain::audit::By;
use latchkey::domain::audit_trail::seal::seal_waiting;
use latchkey::domain::audit_trail::verify::verify;
use latchkey::domain::reseal::reseal;
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{NEW, OLD, name, sealed_values};
use crate::support::authenticator::Enrolled;
use crate::support::{Device, Person, Started, TestServer};

const OFFLINE: &str = "openid offline_access";

/// Devices that refresh at one server after the other, as long as the test lasts.
struct Refreshing {
    /// Held by each refresh, so that no server is stopped meanwhile.
    bases: Arc<RwLock<Vec<String>>>,
    devices: JoinSet<usize>,
    end: CancellationToken,
}

impl Refreshing {
    async fn start(servers: &[TestServer; 2], tv: &Device, ada: &Person) -> Self {
        let (mut devices, end) = (JoinSet::new(), CancellationToken::new());
        let bases = Arc::new(RwLock::new(bases(servers)));
        for _ in 0..3 {
            let mut token = tv.connect(ada, OFFLINE).await.string("refresh_token");
            let (tv, bases, end) = (tv.clone(), Arc::clone(&bases), end.clone());
            devices.spawn(async move {
                let mut count = 0;
                while !end.is_cancelled() {
                    let bases = bases.read().await;
                    let answer = tv.at(&bases[count % bases.len()]).refresh(&token).await;
                    token = answer.must_be_tokens().string("refresh_token");
                    count += 1;
                }
                count
            });
        }
        Self { bases, devices, end }
    }

    /// Sends the devices to other servers.
    async fn move_to(&self, servers: &[TestServer; 2]) {
        *self.bases.write().await = bases(servers);
    }

    /// Insists that every refresh was answered with tokens.
    async fn must_have_succeeded(self) {
        self.end.cancel();
        let counts = self.devices.join_all().await;
        assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    }
}

fn bases(servers: &[TestServer; 2]) -> Vec<String> {
    servers.iter().map(|server| server.base.clone()).collect()
}

/// A new device connects through both servers.
async fn must_connect(servers: &[TestServer; 2], tv: &Device, ada: &Person) {
    for (index, server) in servers.iter().enumerate() {
        let ada = ada.at(&server.base);
        let started = tv.at(&server.base).start(OFFLINE).await;
        ada.approve(&started.user_code).await;
        let other = &servers[1 - index];
        other.hear_all().await;
        tv.at(&other.base).poll(&started).await.must_be_tokens();
    }
}

/// Starts two servers with other keys and stops the ones before.
async fn roll(before: [TestServer; 2], keys: &[u8], refreshing: &Refreshing) -> [TestServer; 2] {
    let servers = [before[0].replica_with_keys(keys).await, before[1].replica_with_keys(keys).await];
    refreshing.move_to(&servers).await;
    before.iter().for_each(TestServer::stop);
    servers
}

/// What a user made before the rotation, and uses after it.
struct Belongings {
    second_factor: Enrolled,
    waiting: Started,
}

#[tokio::test]
async fn master_keys_rotate_while_devices_refresh() {
    let first = TestServer::hearing().await;
    let servers = [first.replica().await, first.replica().await];
    let (tv, ada, bob) = (first.tv().await, first.ada().await, first.person("bob", &[]).await);
    bob.sign_in().await;
    let second_factor = bob.set_up_authenticator(&first.clock).await;
    must_connect(&servers, &tv, &ada).await;
    let refreshing = Refreshing::start(&servers, &tv, &ada).await;

    let servers = roll(servers, &[OLD, NEW], &refreshing).await;
    must_connect(&servers, &tv, &ada).await;
    let servers = roll(servers, &[NEW, OLD], &refreshing).await;
    must_connect(&servers, &tv, &ada).await;
    let belongings = Belongings { second_factor, waiting: tv.at(&servers[0].base).start(OFFLINE).await };

    let done = reseal(&servers[0].app, &By::OPERATOR).await.expect("the database answers");
    assert_eq!(done.damaged, 0);
    let kinds = ["mac_keys", "signing_keys", "totp_secrets"];
    assert!(kinds.iter().all(|kind| done.values[kind] > 0), "{done:?}");
    must_connect(&servers, &tv, &ada).await;
    let names: Vec<_> = sealed_values(&first).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [name(NEW)]);

    let servers = roll(servers, &[NEW], &refreshing).await;
    must_connect(&servers, &tv, &ada).await;
    refreshing.must_have_succeeded().await;
    must_be_usable(&belongings, &servers[1], &tv, &bob).await;

    seal_waiting(&servers[0].app).await.expect("events can be sealed");
    let verdicts = verify(&servers[1].app, None, None).await.expect("the database answers");
    assert!(verdicts.iter().all(|verdict| verdict.faults.is_empty() && verdict.events > 0), "{verdicts:?}");
    assert_eq!(first.audited("secrets.resealed", "success").await, 1);
}

/// Codes, recovery codes and keys of authenticator apps that are older than the key still work.
async fn must_be_usable(belongings: &Belongings, server: &TestServer, tv: &Device, bob: &Person) {
    let bob = bob.at_another_browser().at(&server.base);
    bob.sign_in().await;
    let page = bob.enter_second_factor(&belongings.second_factor.recovery_codes[0]).await;
    assert!(page.says("Sign out"), "{page:?}");
    bob.approve(&belongings.waiting.user_code).await;
    server.hear_all().await;
    tv.at(&server.base).poll(&belongings.waiting).await.must_be_tokens();
    let bob = bob.at_another_browser();
    bob.sign_in().await;
    let page = bob.enter_second_factor(&belongings.second_factor.app.next_code()).await;
    assert!(page.says("Sign out"), "{page:?}");
}
