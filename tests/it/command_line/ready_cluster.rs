//! A cluster that is made once, and copied for each test that is not about how one is made.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use latchkey::embedded_postgres::{Cluster, ClusterSettings, Durability};

use crate::support::scratch;

/// The data directory with the cluster, which has ended in peace.
static MADE: LazyLock<PathBuf> = LazyLock::new(|| {
    // The thread of a test may have a runtime already.
    std::thread::spawn(make).join().expect("a cluster is made")
});

fn make() -> PathBuf {
    let data_dir = scratch::place("ready");
    scratch::remove_in_the_end(&data_dir);
    let durability = Durability::Throwaway;
    let settings = ClusterSettings { data_dir, bin_dir: None, max_connections: 20, durability };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let cluster = Cluster::start(&settings).await.unwrap_or_else(|error| panic!("{error}"));
        cluster.stop().await.expect("the cluster stops");
    });
    settings.data_dir
}

/// Makes a data directory with a copy in it.
pub fn copy_to(data_dir: &Path) {
    let copied = Command::new("cp").arg("-Rp").arg(&*MADE).arg(data_dir).status();
    assert!(copied.expect("there is cp").success(), "the cluster is copied");
}
