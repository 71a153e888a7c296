//! Which process runs on which core. Servers have the first core to themselves; whatever makes the load, and a
//! PostgreSQL that the tool starts, has the second.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Fault;

/// A child inherits the one core of its parent, so what the parent had before is kept here.
static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
static IS_SHARED: AtomicBool = AtomicBool::new(false);

/// Keeps this process, which makes the load, on one core, and the other for servers; of how many cores. Must be called
/// before threads are made.
pub(crate) fn divide() -> Result<usize, Fault> {
    let set = sched_getaffinity(None)?;
    let allowed = ALLOWED.get_or_init(|| (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect());
    IS_SHARED.store(false, Ordering::Relaxed);
    pin(&[own()])?;
    Ok(allowed.len())
}

/// Lets this process and servers that are started from now on run on all cores, until they are divided again: where the
/// machine as a whole is measured.
pub(crate) fn share() -> Result<(), Fault> {
    IS_SHARED.store(true, Ordering::Relaxed);
    pin(all())
}

/// Lets another process, and whatever it starts from now on, run where this one may.
pub(crate) fn bring(process: u32) -> Result<(), Fault> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or("a process without a number")?;
    let on = if IS_SHARED.load(Ordering::Relaxed) { set(all()) } else { set(&[own()]) };
    Ok(sched_setaffinity(Some(process), &on)?)
}

/// The cores for servers, and for what stands in their place.
pub(crate) fn for_servers() -> &'static [usize] {
    if IS_SHARED.load(Ordering::Relaxed) { all() } else { all().get(..1).unwrap_or_default() }
}

/// Keeps this process, and whatever it starts from now on, on some cores. Must be called before threads are made.
pub(crate) fn pin(cores: &[usize]) -> Result<(), Fault> {
    Ok(sched_setaffinity(None, &set(cores))?)
}

/// The core of what makes the load.
fn own() -> usize {
    all().get(1).or(all().first()).copied().unwrap_or_default()
}

fn all() -> &'static [usize] {
    ALLOWED.get().map(Vec::as_slice).unwrap_or_default()
}

fn set(cores: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    set
}
