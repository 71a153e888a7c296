//! Keeps the embedded database running beside the server, on a thread of its own: finding PostgreSQL's programs, reading
//! files and waiting for a slow start must never hold up an answer, least of all `/health/live`.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::embedded_postgres::{Cluster, ClusterSettings, Ending, Error};

/// A database that ran for this long is started again immediately when it ends.
const STEADY: Duration = Duration::from_secs(30);
/// The first pause before the next attempt; each further one is twice as long.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How long a stop waits for the thread, which may be in the middle of looking for programs.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Keeper {
    stop: CancellationToken,
    kept: oneshot::Receiver<Kept>,
}

/// What is left when the thread ends.
struct Kept {
    /// `None`: it does not run.
    cluster: Option<Cluster>,
    /// Why it cannot be kept running.
    error: Option<Error>,
}

impl Keeper {
    pub(super) fn start(cluster: Cluster, settings: ClusterSettings) -> std::io::Result<Self> {
        let stop = CancellationToken::new();
        let (sender, kept) = oneshot::channel();
        let (runtime, stopped) = (Handle::current(), stop.clone());
        std::thread::Builder::new().name("embedded-postgres".to_owned()).spawn(move || {
            // No one waits for it any more if the server has ended.
            let _ = sender.send(runtime.block_on(keep(cluster, &settings, &stopped)));
        })?;
        Ok(Self { stop, kept })
    }

    /// Waits until the database cannot be kept running, and stops what is left of it.
    pub(super) async fn failed(&mut self) -> Box<dyn std::error::Error + Send + Sync> {
        match (&mut self.kept).await {
            Ok(Kept { cluster, error }) => {
                let stopped = match cluster {
                    Some(cluster) => cluster.stop().await.map(drop),
                    None => Ok(()),
                };
                error.or(stopped.err()).map_or_else(|| "the embedded database was stopped".into(), Into::into)
            }
            Err(_) => "the thread of the embedded database ended".into(),
        }
    }

    /// Stops the database, by then at the latest.
    pub(super) async fn stop_by(self, until: Instant) -> Result<Ending, Error> {
        self.stop.cancel();
        match timeout(PATIENCE, self.kept).await {
            Ok(Ok(Kept { cluster: Some(cluster), .. })) => cluster.stop_by(until).await,
            // If it is still starting, it is left to the next start, which takes it over.
            Ok(Ok(Kept { cluster: None, .. }) | Err(_)) | Err(_) => Ok(Ending::Orderly),
        }
    }
}

/// Starts the database again whenever it ends, with growing pauses while it does not stay up. Returns when it is told to
/// stop, or with an error that time does not mend.
async fn keep(mut cluster: Cluster, settings: &ClusterSettings, stop: &CancellationToken) -> Kept {
    let mut pause = Duration::ZERO;
    loop {
        let started = Instant::now();
        match stop.run_until_cancelled(cluster.exited()).await {
            None => return Kept { cluster: Some(cluster), error: None },
            Some(Err(error)) => return Kept { cluster: Some(cluster), error: Some(error) },
            Some(Ok(reason)) => tracing::error!(reason, "embedded database exited; restarting"),
        }
        pause = if started.elapsed() >= STEADY { Duration::ZERO } else { longer(pause) };
        let known = cluster.known();
        // Releases the lock.
        drop(cluster);
        cluster = loop {
            let attempt = async {
                sleep(pause).await;
                Cluster::start_again(settings, known).await
            };
            match stop.run_until_cancelled(attempt).await {
                None => return Kept { cluster: None, error: None },
                Some(Ok(cluster)) => break cluster,
                Some(Err(error)) if error.may_pass() => {
                    pause = longer(pause);
                    tracing::error!(%error, retry_in_ms = pause.as_millis(), "embedded database not restarted");
                }
                Some(Err(error)) => return Kept { cluster: None, error: Some(error) },
            }
        };
        tracing::info!(pid = cluster.pid(), "embedded database restarted");
    }
}

fn longer(pause: Duration) -> Duration {
    (pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut pause = Duration::ZERO;
        let pauses = std::iter::repeat_with(|| {
            pause = longer(pause);
            pause.as_millis()
        });
        assert_eq!(pauses.take(7).collect::<Vec<_>>(), [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    }
}
