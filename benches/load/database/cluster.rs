//! A durable PostgreSQL of the run's own, as `latchkey serve` would run it.

use std::process::{Child, ChildStdin, Command, Stdio};

use latchkey::embedded_postgres::{Cluster, ClusterSettings, Durability, Known};
use sqlx::postgres::PgConnectOptions;

use crate::Fault;

/// A cluster that does not outlive this process.
#[derive(Debug)]
pub(crate) struct PrivateCluster {
    cluster: Cluster,
    settings: ClusterSettings,
    undertaker: Undertaker,
}

/// A cluster that is stopped and keeps its data.
#[derive(Debug)]
pub(crate) struct StoppedCluster {
    settings: ClusterSettings,
    known: Known,
    undertaker: Undertaker,
}

impl PrivateCluster {
    /// Makes and starts it in a temporary folder with this in its name.
    pub(crate) async fn start(name: &str) -> Result<Self, Fault> {
        let data_dir = std::env::temp_dir().join(format!("latchkey-{name}-{}", std::process::id()));
        let settings = ClusterSettings {
            data_dir,
            bin_dir: None,
            max_connections: 160,
            durability: Durability::Durable,
        };
        Self::around(Cluster::start(&settings).await?, settings)
    }

    fn around(cluster: Cluster, settings: ClusterSettings) -> Result<Self, Fault> {
        let undertaker = Undertaker::hire(cluster.pid(), &settings.data_dir)?;
        Ok(Self { cluster, settings, undertaker })
    }

    /// Stops it, to start it again.
    pub(crate) async fn stop(self) -> Result<StoppedCluster, Fault> {
        let Self { cluster, settings, undertaker } = self;
        let known = cluster.known();
        cluster.stop().await?;
        Ok(StoppedCluster { settings, known, undertaker })
    }

    /// The postmaster's process number.
    pub(crate) fn postmaster(&self) -> u32 {
        self.cluster.pid()
    }

    /// The database user that servers have.
    pub(crate) fn user(&self) -> PgConnectOptions {
        self.cluster.connect_options()
    }

    /// The one that may make databases.
    pub(crate) fn superuser(&self) -> PgConnectOptions {
        self.user().username("postgres").database("postgres")
    }

    /// Stops it and removes what it has on disk.
    pub(crate) async fn destroy(self) -> Result<(), Fault> {
        self.cluster.stop().await?;
        self.undertaker.dismiss()?;
        Ok(std::fs::remove_dir_all(&self.settings.data_dir)?)
    }
}

impl StoppedCluster {
    /// Starts it again.
    pub(crate) async fn start(self) -> Result<PrivateCluster, Fault> {
        let Self { settings, known, undertaker } = self;
        let cluster = Cluster::start_again(&settings, known).await?;
        undertaker.dismiss()?;
        PrivateCluster::around(cluster, settings)
    }
}

/// A shell that waits until it is dropped, or this process ends, however that comes; then it stops the cluster and removes
/// its folder.
#[derive(Debug)]
struct Undertaker {
    shell: Child,
    /// As long as it is open, the cluster lives.
    _lifeline: Option<ChildStdin>,
}

impl Undertaker {
    fn hire(postmaster: u32, data_dir: &std::path::Path) -> Result<Self, Fault> {
        let script = "trap '' INT TERM HUP; cat; kill -CONT $0; kill -QUIT $0; while kill -0 $0; do sleep 0.1; done; rm -rf \"$1\"";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .arg(postmaster.to_string())
            .arg(data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let lifeline = shell.stdin.take();
        Ok(Self { shell, _lifeline: lifeline })
    }

    /// Has nothing more to do.
    fn dismiss(mut self) -> Result<(), Fault> {
        self.shell.kill()?;
        self.shell.wait()?;
        Ok(())
    }
}
