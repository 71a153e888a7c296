//! Where tests put what lives no longer than they do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Access, access, statfs, statvfs};

/// Memory that the system lends as a file system.
const MEMORY: &str = "/dev/shm";
/// What `statfs` calls a file system in memory.
const TMPFS: u64 = 0x0102_1994;
/// The clusters of a run of all tests need a tenth of it at a time.
const ROOM: u64 = 4 << 30;

/// In memory where there is plenty: a disk's file system takes longer over the thousands of files of PostgreSQL's clusters
/// than PostgreSQL does.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new(MEMORY);
    if has_room(memory) { memory.to_owned() } else { std::env::temp_dir() }
});

/// A place of this process alone, in which nothing is yet, and which the account that runs PostgreSQL can reach.
pub fn place(name: &str) -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    DIRECTORY.join(format!("latchkey-{name}-{}-{number}", std::process::id()))
}

/// Has a place go when this process ends, however it ends.
pub fn remove_in_the_end(place: &Path) {
    // With this process ends what it writes to. What stops it may reach the shell as well.
    #[expect(clippy::zombie_processes, reason = "it outlives this process")]
    let mut undertaker = Command::new("sh")
        .args(["-c", "trap '' INT TERM HUP; cat; rm -rf \"$0\""])
        .arg(place)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    std::mem::forget(undertaker.stdin.take());
}

fn has_room(memory: &Path) -> bool {
    let is_tmpfs = statfs(memory).is_ok_and(|found| u64::try_from(found.f_type) == Ok(TMPFS));
    is_tmpfs
        && access(memory, Access::WRITE_OK).is_ok()
        && statvfs(memory).is_ok_and(|found| found.f_bavail * found.f_frsize >= ROOM)
}
