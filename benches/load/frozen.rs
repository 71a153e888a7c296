//! Processes that are stopped and do not know it (SIGSTOP): as a computer that hangs, or a disk that does not answer.

use rustix::process::{Pid, Signal, kill_process};

use crate::Fault;
use crate::accounting;

/// Processes that stand still for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Frozen(Vec<Pid>);

impl Frozen {
    /// Stops one process.
    pub(crate) fn process(process: u32) -> Result<Self, Fault> {
        let mut frozen = Self(Vec::new());
        frozen.add(process)?;
        Ok(frozen)
    }

    /// Stops a process and all its children; first itself, so that it has no more of them.
    pub(crate) fn family(parent: u32) -> Result<Self, Fault> {
        let mut frozen = Self::process(parent)?;
        for child in accounting::children(parent) {
            // One may have ended by now.
            let _ = frozen.add(child);
        }
        Ok(frozen)
    }

    fn add(&mut self, process: u32) -> Result<(), Fault> {
        let process =
            i32::try_from(process).ok().and_then(Pid::from_raw).ok_or("a process without a number")?;
        kill_process(process, Signal::STOP)?;
        self.0.push(process);
        Ok(())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for process in &self.0 {
            // One may have been ended meanwhile.
            let _ = kill_process(*process, Signal::CONT);
        }
    }
}
