//! Which process runs on which core. Servers have the first core to themselves; whatever makes the load, and a
//! PostgreSQL that the tool starts, has the second.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Fault;

/// A place to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// For servers, and for what stands in their place.
    Servers,
    /// For everything else.
    Load,
}

/// Keeps this process, and whatever it starts from now on, on one core. Must be called before threads are made.
pub(crate) fn pin(core: Core) -> Result<(), Fault> {
    let allowed = allowed()?;
    let wanted = match core {
        Core::Servers => allowed.first(),
        Core::Load => allowed.get(1).or(allowed.first()),
    };
    let mut only = CpuSet::new();
    only.set(*wanted.ok_or("no core may be used")?);
    Ok(sched_setaffinity(None, &only)?)
}

/// The cores that this process may use.
pub(crate) fn allowed() -> Result<Vec<usize>, Fault> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
}
