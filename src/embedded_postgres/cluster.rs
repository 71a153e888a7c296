//! Starting, sharing and stopping the cluster.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, sleep, timeout};

use super::account::Account;
use super::error::Error;
use super::identity::{self, Identity};
use super::layout::Layout;
use super::lock::Lock;
use super::pid_file::PidFile;
use super::postmaster::{self, Ending, LONGEST_STOP, Postmaster};
use super::settings::ClusterSettings;
use super::{directory, finder, initialise, log_file, readiness, server_settings};

/// How long a start waits for another command that uses the cluster for a moment.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// How long the remains of a killed postmaster may stand in the way.
const REMAINS_PATIENCE: Duration = Duration::from_secs(15);

/// How long an attaching command waits for the owner's cluster; a first start is part of it.
const ATTACH_PATIENCE: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(100);

/// How often a watched cluster's log, and an adopted postmaster, is looked at.
const WATCH: Duration = Duration::from_secs(1);

/// What this process has to do with the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// It started the cluster and stops it.
    Started,
    /// It took over a cluster that outlived an earlier Latchkey with the same settings, and stops it.
    Adopted,
    /// Another Latchkey owns the cluster; this one only connects.
    Attached,
}

/// A cluster that may be started again.
#[derive(Debug, Clone, Copy)]
pub struct Known(Option<Identity>);

/// A running private cluster that takes connections.
///
/// Dropping an owned one asks it to stop without waiting; [`Cluster::stop`] waits.
#[derive(Debug)]
pub struct Cluster {
    postmaster: Postmaster,
    holding: Holding,
    layout: Layout,
    account: Account,
    socket_dir: PathBuf,
    /// Set where we own the cluster.
    identity: Option<Identity>,
    /// Held for as long as we own the cluster.
    lock: Option<Lock>,
}

impl Cluster {
    /// Starts the cluster, making it first where there is none, and owns it.
    ///
    /// Fails with [`Error::InUse`] where another Latchkey owns it.
    pub async fn start(settings: &ClusterSettings) -> Result<Self, Error> {
        Self::start_again(settings, Known(None)).await
    }

    /// What [`Cluster::start_again`] needs to know it by.
    #[must_use]
    pub fn known(&self) -> Known {
        Known(self.identity)
    }

    /// Starts a cluster again after its end. Fails with [`Error::DataGone`] where it is no longer in its directory.
    pub async fn start_again(settings: &ClusterSettings, known: Known) -> Result<Self, Error> {
        let (layout, account) = prepare(settings)?;
        if let Known(Some(identity)) = known {
            check_data(identity, &layout, &account)?;
        }
        let lock = Lock::take(&layout, &account, LOCK_PATIENCE).await?;
        Self::own(settings, layout, account, lock).await
    }

    /// Starts the cluster and owns it, or connects to it where another Latchkey runs it.
    pub async fn open(settings: &ClusterSettings) -> Result<Self, Error> {
        let (layout, account) = prepare(settings)?;
        let deadline = Instant::now() + ATTACH_PATIENCE;
        loop {
            if let Some(lock) = Lock::try_take(&layout, &account)? {
                return Self::own(settings, layout, account, lock).await;
            }
            // Where it ends meanwhile, the lock is soon free or the next one soon there.
            match Self::follow(&layout, &account, Holding::Attached).await {
                Ok(Some(cluster)) => return Ok(cluster),
                Ok(None) | Err(Error::EndedWhileStarting { .. }) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= deadline {
                let (dir, log) = (layout.data_dir, layout.log);
                return Err(Error::NotAttached { dir, seconds: ATTACH_PATIENCE.as_secs(), log });
            }
            sleep(PAUSE).await;
        }
    }

    /// How to connect: over the socket, as the database user `latchkey`, to the database `latchkey`.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        readiness::connect_options(&self.socket_dir)
    }

    /// What this process has to do with the cluster.
    #[must_use]
    pub fn holding(&self) -> Holding {
        self.holding
    }

    /// Process number of the postmaster.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.postmaster.pid()
    }

    /// Waits for the postmaster to end, and says how and with which last words; meanwhile keeps its log bounded. Fails
    /// with [`Error::DataGone`] as soon as the cluster is no longer in its directory, even if the postmaster still runs.
    ///
    /// May be dropped and called again.
    pub async fn exited(&mut self) -> Result<String, Error> {
        loop {
            self.check_data()?;
            if let Ok(outcome) = timeout(WATCH, self.postmaster.ended(WATCH)).await {
                let (pid, log) = (self.pid(), self.layout.log.display());
                let tail = log_file::tail(&self.layout.log);
                return Ok(format!(
                    "PostgreSQL (process {pid}) exited ({outcome}), and {log} ends with: {tail}"
                ));
            }
            if self.lock.is_some() {
                log_file::keep_bounded(&self.layout.log, &self.account);
            }
        }
    }

    /// Stops an owned cluster and waits for its end: open transactions are rolled back. An attached one is left alone.
    pub async fn stop(self) -> Result<Ending, Error> {
        self.stop_by(Instant::now() + LONGEST_STOP).await
    }

    /// The same, by then at the latest.
    pub async fn stop_by(mut self, until: Instant) -> Result<Ending, Error> {
        // The lock is let go only after the postmaster is gone.
        if self.lock.is_some() { self.postmaster.stop(until).await } else { Ok(Ending::Orderly) }
    }

    fn check_data(&self) -> Result<(), Error> {
        self.identity.map_or(Ok(()), |identity| check_data(identity, &self.layout, &self.account))
    }

    async fn own(
        settings: &ClusterSettings,
        layout: Layout,
        account: Account,
        lock: Lock,
    ) -> Result<Self, Error> {
        directory::check_cluster(&layout, &account)?;
        match Self::follow(&layout, &account, Holding::Adopted).await {
            Ok(Some(mut cluster)) if !server_settings::are_running(settings, &layout) => {
                tracing::info!(pid = cluster.pid(), "PostgreSQL restarting with new settings");
                // How it ends makes no difference to the start that follows.
                let _ = cluster.postmaster.stop(Instant::now() + LONGEST_STOP).await?;
            }
            Ok(Some(mut cluster)) => {
                tracing::info!(pid = cluster.pid(), "running PostgreSQL taken over");
                cluster.lock = Some(lock);
                cluster.identity = recorded(&layout, &account)?;
                return Ok(cluster);
            }
            // It was shutting down.
            Ok(None) | Err(Error::EndedWhileStarting { .. }) => {}
            Err(error) => return Err(error),
        }
        postmaster::forget_stale(&layout).await?;
        let installation = initialised(settings, &layout, &account).await?;
        let identity = recorded(&layout, &account)?;
        directory::prepare_socket_dir(&layout, &account)?;
        server_settings::write_access_files(&layout, &account)?;
        log_file::put_aside(&layout.log)?;
        let deadline = Instant::now() + REMAINS_PATIENCE;
        let options = readiness::connect_options(&layout.socket_dir);
        let mut lock = Some(lock);
        loop {
            let postmaster = Postmaster::spawn(settings, &layout, &account, &installation)?;
            // Already one, so that it is asked to stop where this wait fails or is dropped.
            let mut cluster = Self {
                postmaster,
                holding: Holding::Started,
                socket_dir: layout.socket_dir.clone(),
                layout: layout.clone(),
                account: account.clone(),
                identity,
                lock: lock.take(),
            };
            match readiness::wait(&mut cluster.postmaster, &layout, &options).await {
                Ok(()) => return Ok(cluster),
                Err(Error::EndedWhileStarting { tail, .. })
                    if is_about_remains(&tail) && Instant::now() < deadline =>
                {
                    lock = cluster.lock.take();
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Follows the postmaster that runs already, once it is ready; `None` where none runs.
    async fn follow(layout: &Layout, account: &Account, holding: Holding) -> Result<Option<Self>, Error> {
        let Some(file) = PidFile::read(&layout.cluster_dir)?.filter(|file| file.is_of(&layout.cluster_dir))
        else {
            return Ok(None);
        };
        let socket_dir = file.socket_dir.unwrap_or_else(|| layout.socket_dir.clone());
        let mut postmaster = Postmaster::adopt(file.pid, layout);
        readiness::wait(&mut postmaster, layout, &readiness::connect_options(&socket_dir)).await?;
        let (layout, account) = (layout.clone(), account.clone());
        Ok(Some(Self { postmaster, holding, layout, account, socket_dir, identity: None, lock: None }))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.lock.is_some() {
            self.postmaster.ask_to_stop();
        }
    }
}

/// Finds out whose the cluster is, and makes the data directory.
fn prepare(settings: &ClusterSettings) -> Result<(Layout, Account), Error> {
    let layout = Layout::new(&settings.data_dir)?;
    let account = Account::for_cluster(&layout)?;
    directory::check_reach(&layout, &account)?;
    directory::prepare(&layout, &account)?;
    Ok((layout, account))
}

/// Fails if our cluster is no longer in its directory. The record is then left behind, so that no later start, such as a
/// supervisor's, mistakes the directory for an empty one.
fn check_data(identity: Identity, layout: &Layout, account: &Account) -> Result<(), Error> {
    identity.check(layout).inspect_err(|_| {
        let left = directory::prepare(layout, account).and_then(|()| identity.record(layout, account));
        if let Err(error) = left {
            tracing::warn!(%error, "record of the missing cluster not written");
        }
    })
}

/// The identity of the cluster, written down beside it. `None` if it cannot be read.
fn recorded(layout: &Layout, account: &Account) -> Result<Option<Identity>, Error> {
    match Identity::read(&layout.cluster_dir) {
        Ok(identity) => identity.record(layout, account).map(|()| Some(identity)),
        Err(error) => {
            tracing::warn!(%error, "identity of the cluster not read");
            Ok(None)
        }
    }
}

/// The programs for the cluster, which is made where there never was one.
async fn initialised(
    settings: &ClusterSettings,
    layout: &Layout,
    account: &Account,
) -> Result<finder::Installation, Error> {
    let installation = super::client::programs(settings, layout)?;
    directory::check_programs(account, &installation)?;
    identity::check_record(layout)?;
    initialise::remove_unfinished(layout);
    if initialise::data_version(&layout.cluster_dir)?.is_none() {
        let begin = Instant::now();
        initialise::initialise(layout, account, &installation, settings.durability).await?;
        let (dir, took) = (layout.cluster_dir.display(), begin.elapsed().as_millis());
        tracing::info!(path = %dir, version = %installation.version, duration_ms = took, "PostgreSQL cluster created");
    }
    Ok(installation)
}

/// Whether the server did not start because of a predecessor that is not quite gone.
fn is_about_remains(tail: &str) -> bool {
    tail.contains("pre-existing shared memory block")
        || (tail.contains("lock file") && tail.contains("already exists"))
}
