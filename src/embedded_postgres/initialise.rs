//! Makes a new cluster: beside its place first, so that an interrupted attempt leaves nothing that looks like one.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::account::Account;
use super::error::Error;
use super::finder::Installation;
use super::layout::Layout;
use super::log_file;
use super::server_settings::{LATCHKEY, SUPERUSER};
use super::settings::Durability;
use crate::store::tenant_transactions::ROLE as TENANT_ROLE;

/// Start of an unfinished cluster's name.
const UNFINISHED: &str = "postgres.new.";

/// Major version of the data in `cluster_dir`, or `None` where there is no cluster.
pub(super) fn data_version(cluster_dir: &Path) -> Result<Option<u32>, Error> {
    let path = cluster_dir.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|cause| {
            Error::io("read the version in", path)(io::Error::new(io::ErrorKind::InvalidData, cause))
        }),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::Io { action: "read", path, cause }),
    }
}

/// Removes what interrupted attempts have left.
pub(super) fn remove_unfinished(layout: &Layout) {
    for entry in fs::read_dir(&layout.data_dir).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            // An orphaned `initdb` may still be writing; the next start tries again.
            tracing::warn!(%error, path = %entry.path().display(), "unfinished cluster not removed");
        }
    }
}

/// Makes the cluster with Latchkey's user and database in it.
pub(super) async fn initialise(
    layout: &Layout,
    account: &Account,
    installation: &Installation,
    durability: Durability,
) -> Result<(), Error> {
    #[expect(clippy::disallowed_methods, reason = "only makes a name unlike others")]
    let moment = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    // A name of its own: an orphaned `initdb` of a killed Latchkey may still be writing to the last one.
    let new = layout.data_dir.join(format!("{UNFINISHED}{}.{moment}", std::process::id()));
    let outcome = fill(&new, layout, account, installation, durability).await;
    if let Err(error) = outcome {
        let _ = fs::remove_dir_all(&new);
        return Err(error);
    }
    fs::rename(&new, &layout.cluster_dir).map_err(Error::io("make", &layout.cluster_dir))?;
    let parent = File::open(&layout.data_dir).map_err(Error::io("open", &layout.data_dir))?;
    parent.sync_all().map_err(Error::io("write to disk", &layout.data_dir))
}

async fn fill(
    new: &Path,
    layout: &Layout,
    account: &Account,
    installation: &Installation,
    durability: Durability,
) -> Result<(), Error> {
    let program = |name| Command::from(account.command(&installation.bin_dir.join(name), &layout.data_dir));

    let mut initdb = program("initdb");
    initdb.arg("-D").arg(new).args(["--username", SUPERUSER, "--encoding=UTF8", "--locale=C"]);
    initdb.args(["--data-checksums", "--auth-local=peer", "--auth-host=reject"]);
    if durability == Durability::Throwaway {
        initdb.arg("--no-sync");
    }
    run(initdb, "", layout, new).await?;

    // A server for one user, without a socket: the cluster is whole before it gets its name.
    let mut single = program("postgres");
    single.arg("--single").arg("-D").arg(new).args(["-c", "exit_on_error=on"]);
    if durability == Durability::Throwaway {
        single.args(["-c", "fsync=off"]);
    }
    single.arg(SUPERUSER);
    // The server's user may make no roles: one that could would be as good as the superuser before PostgreSQL 16.
    let statements = format!(
        "CREATE ROLE {LATCHKEY} LOGIN\nCREATE DATABASE {LATCHKEY} OWNER {LATCHKEY}\n\
         CREATE ROLE {TENANT_ROLE}\nGRANT {TENANT_ROLE} TO {LATCHKEY}\n"
    );
    run(single, &statements, layout, new).await
}

async fn run(mut command: Command, input: &str, layout: &Layout, new: &Path) -> Result<(), Error> {
    let failed = |output: String| {
        let error = Error::NotInitialised { dir: new.to_owned(), output: output.clone() };
        error.or_disk_full(&output, &layout.cluster_dir)
    };
    let work = async {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that has ended already says why on its error output.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = work.await.map_err(|cause| failed(cause.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(log_file::last_lines(&String::from_utf8_lossy(&output.stderr))))
}
