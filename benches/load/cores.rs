//! Which process runs on which core. Servers have the first core to themselves; whatever makes the load, and a
//! PostgreSQL that the tool starts, has the second.

use std::sync::OnceLock;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Fault;

/// A child inherits the one core of its parent, so what the parent had before is kept here.
static SERVERS: OnceLock<usize> = OnceLock::new();

/// Keeps this process, which makes the load, on one core, and the other for servers; of how many cores. Must be called
/// before threads are made.
pub(crate) fn divide() -> Result<usize, Fault> {
    let set = sched_getaffinity(None)?;
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
    let servers = SERVERS.get_or_init(|| allowed.first().copied().unwrap_or_default());
    pin(allowed.get(1).copied().unwrap_or(*servers))?;
    Ok(allowed.len())
}

/// The core for servers, and for what stands in their place.
pub(crate) fn for_servers() -> Option<usize> {
    SERVERS.get().copied()
}

/// Keeps this process, and whatever it starts from now on, on one core. Must be called before threads are made.
pub(crate) fn pin(core: usize) -> Result<(), Fault> {
    let mut only = CpuSet::new();
    only.set(core);
    Ok(sched_setaffinity(None, &only)?)
}
