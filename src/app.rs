//! The composition root: everything a request needs, put together once.

use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::signing_keys::KeyRing;
use crate::random::Random;
use crate::secrets::Secrets;
use crate::store::device_sessions::pending_counts::PendingCounts;
use crate::store::request_buckets::RequestBuckets;

/// The one state of the program, shared by all requests.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Chance.
    pub random: Random,
    /// The keys.
    pub secrets: Secrets,
    /// The database.
    pub db: PgPool,
    /// Opened signing keys.
    pub key_ring: KeyRing,
    /// How many codes wait in each tenant, as last counted.
    pub pending_counts: PendingCounts,
    /// Who asked for how many codes lately.
    pub start_buckets: RequestBuckets,
    /// How many passwords may be hashed at once.
    pub password_checks: Semaphore,
}

impl App {
    /// Puts the program together.
    #[must_use]
    pub fn new(config: Config, clock: Clock, random: Random, secrets: Secrets, db: PgPool) -> Self {
        let password_checks = Semaphore::new(config.sign_in.concurrent_password_checks);
        Self {
            config,
            clock,
            random,
            secrets,
            db,
            key_ring: KeyRing::default(),
            pending_counts: PendingCounts::default(),
            start_buckets: RequestBuckets::default(),
            password_checks,
        }
    }
}
