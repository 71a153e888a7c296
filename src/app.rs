//! The composition root: everything a request needs, put together once.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Config;
use crate::descriptors::{self, Room};
use crate::geo::Geo;
use crate::hashing::HashingPlaces;
use crate::model::ids::TenantId;
use crate::outbound::Outbound;
use crate::random::Random;
use crate::secrets::Secrets;
use crate::smtp::Mailer;
use crate::store::activity::tallies::Tallies;
use crate::store::cached::Cached;
use crate::store::db::Db;
use crate::store::device_authorizations::memory::{CountedPolls, SessionMemory};
use crate::store::device_authorizations::owners::Owners;
use crate::store::device_authorizations::pending_counts::PendingCounts;
use crate::store::hosts::Hosts;
use crate::store::memory::key_ring::KeyRing;
use crate::store::memory::lost_answers::LostAnswers;
use crate::store::memory::lost_starts::LostStarts;
use crate::store::memory::published_keys::{self, PublishedKeys};
use crate::store::memory::sealing_watch::SealingWatch;
use crate::store::memory::settlements::Settlements;
use crate::store::memory::verifying_keys::VerifyingKeys;
use crate::store::memory::waiting_polls::WaitingPolls;
use crate::store::queues::Queues;
use crate::store::reachability::Reachability;
use crate::store::recent_proofs::RecentProofs;
use crate::store::request_buckets::RequestBuckets;
use crate::store::tenant_transactions::{self, RowSecurity};
use crate::store::transactions::Transaction;
use crate::store::verified_tokens::VerifiedTokens;
use crate::store::{self, webhook_deliveries};
use crate::themes::Themes;

/// The one state of the program, shared by all requests.
#[derive(Debug)]
pub struct App {
    pub config: Config,
    /// The first peer that sent forwarding headers without being listed in `server.trusted_proxies`.
    pub unlisted_proxy: OnceLock<IpAddr>,
    /// How many connections and waiting polls there is room for.
    pub room: Room,
    pub clock: Clock,
    pub random: Random,
    pub secrets: Secrets,
    pub db: Db,
    /// Where it may be, if that is watched.
    pub hosts: Arc<Hosts>,
    pub reachability: Arc<Reachability>,
    row_security: OnceCell<RowSecurity>,
    /// Cache of rarely changing rows.
    pub cached: Cached,
    /// HTTP client for the keys that clients publish.
    pub outbound: Arc<Outbound>,
    pub geo: Geo,
    pub themes: Themes,
    /// Connection to the mail server.
    pub mailer: Mailer,
    pub webhook_calls: Outbound,
    pub published_keys: PublishedKeys,
    pub key_ring: KeyRing,
    /// Public keys that verify our own tokens.
    pub verifying_keys: VerifyingKeys,
    /// Tokens of our own that were verified lately.
    pub verified_tokens: VerifiedTokens,
    /// Sessions that wait for a decision.
    pub sessions: SessionMemory,
    /// What has happened since it was last written down.
    pub activity: Arc<Tallies>,
    /// Polls that were counted in the database a moment ago.
    pub counted_polls: CountedPolls,
    /// The clients that have sessions in memory.
    pub owners: Owners,
    pub queues: Arc<Queues>,
    /// Polls that wait for a decision.
    pub waiting_polls: WaitingPolls,
    /// Canceled when a shutdown begins.
    pub stopping: CancellationToken,
    /// Whether something was still to be written down when the server stopped.
    left_unwritten: AtomicBool,
    /// DPoP proofs that were seen lately.
    pub recent_proofs: RecentProofs,
    /// How many codes wait in each tenant, as last counted.
    pub pending_counts: PendingCounts,
    /// Who asked for how many codes lately.
    pub start_buckets: RequestBuckets,
    /// Who was refused lately, as far as the audit trail was told.
    pub refusal_buckets: RequestBuckets,
    /// How the sealing of the audit trail goes.
    pub audit_sealing: SealingWatch,
    /// Attempts that still have to be refunded.
    pub settlements: Settlements,
    /// Where passwords are hashed.
    pub hashing: HashingPlaces,
    /// Tokens whose answers were lost.
    pub lost_answers: Arc<LostAnswers>,
    /// Codes that no one received.
    pub lost_starts: Arc<LostStarts>,
}

impl App {
    #[must_use]
    pub fn new(config: Config, clock: Clock, random: Random, secrets: Secrets, db: impl Into<Db>) -> Self {
        let sign_in = &config.sign_in;
        let hashing = HashingPlaces::new(sign_in.concurrent_password_checks, sign_in.queued_password_checks);
        let sessions = SessionMemory::new(config.sessions.capacity);
        let activity = Arc::new(Tallies::default());
        let room = Room::within(descriptors::allowed(), &config);
        let waiting_polls = WaitingPolls::new(&config.sessions, room.waiting_polls);
        let recent_proofs = RecentProofs::new(config.dpop.remembered_proofs);
        let geo = Geo::new(&config.geo);
        let themes = Themes::new(&config.pages);
        let mailer = Mailer::new(&config.mail, &config.public_origin());
        let keys_within = Duration::from_millis(config.clients.jwks_timeout_milliseconds);
        let outbound = Arc::new(Outbound::new(
            &config.clients.jwks_networks,
            keys_within,
            published_keys::CONCURRENT_FETCHES,
        ));
        let messages_within = Duration::from_millis(config.webhooks.timeout_milliseconds);
        let webhook_calls =
            Outbound::new(&config.webhooks.networks, messages_within, webhook_deliveries::CONCURRENT_CALLS);
        let reachability = Arc::<Reachability>::default();
        let lost_answers = LostAnswers::new(
            Duration::from_secs(config.server.request_timeout_seconds),
            config.database.limits().of_batch(),
        );
        Self {
            config,
            unlisted_proxy: OnceLock::new(),
            room,
            clock,
            random,
            secrets,
            db: db.into(),
            hosts: Arc::default(),
            row_security: OnceCell::new(),
            cached: Cached::over(Arc::clone(&reachability)),
            reachability,
            outbound,
            geo,
            themes,
            mailer,
            webhook_calls,
            published_keys: PublishedKeys::default(),
            key_ring: KeyRing::default(),
            verifying_keys: VerifyingKeys::default(),
            verified_tokens: VerifiedTokens::default(),
            sessions,
            counted_polls: CountedPolls::default(),
            owners: Owners::new(Arc::clone(&activity)),
            activity,
            queues: Arc::default(),
            waiting_polls,
            stopping: CancellationToken::new(),
            left_unwritten: AtomicBool::new(false),
            recent_proofs,
            pending_counts: PendingCounts::default(),
            start_buckets: RequestBuckets::default(),
            refusal_buckets: RequestBuckets::default(),
            audit_sealing: SealingWatch::default(),
            settlements: Settlements::default(),
            hashing,
            lost_answers: Arc::new(lost_answers),
            lost_starts: Arc::default(),
        }
    }

    /// The same, with its database on `hosts`, which it watches.
    #[must_use]
    pub fn on_hosts(self, hosts: Arc<Hosts>) -> Self {
        Self { hosts, ..self }
    }

    /// Notes whether a background task that ends could not write down what it had.
    pub fn note_unwritten(&self, unwritten: bool) {
        self.left_unwritten.fetch_or(unwritten, Ordering::Relaxed);
    }

    /// Whether a background task that has ended could not write down what it had.
    #[must_use]
    pub fn has_left_something_unwritten(&self) -> bool {
        self.left_unwritten.load(Ordering::Relaxed)
    }

    /// Begins a transaction that sees and changes the rows of one tenant only, as far as the database user allows it.
    pub async fn begin(&self, tenant: TenantId) -> store::Result<Transaction> {
        tenant_transactions::begin(&self.db, self.row_security().await?, tenant).await
    }

    /// Remembers if the database did not answer, and hands the outcome on.
    pub fn observe<T>(&self, outcome: store::Result<T>) -> store::Result<T> {
        if outcome.as_ref().is_err_and(store::StoreError::is_passing) {
            self.lost_answers.note_trouble(self.clock.now());
        }
        outcome
    }

    /// What holds transactions of one tenant to its rows; found out once.
    pub async fn row_security(&self) -> store::Result<RowSecurity> {
        Ok(*self.row_security.get_or_try_init(|| tenant_transactions::find_out(&self.db)).await?)
    }
}
