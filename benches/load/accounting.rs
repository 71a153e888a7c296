//! What the operating system says that processes have used (proc(5)).

use std::fs;

/// Processor time of some processes, in clock ticks of the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticks(u64);

impl Ticks {
    /// What was used since `before`, in microseconds.
    pub(crate) fn micros_since(self, before: Self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "some minutes in ticks")]
        let (ticks, per_second) =
            (self.0.saturating_sub(before.0) as f64, rustix::param::clock_ticks_per_second() as f64);
        ticks * 1e6 / per_second
    }
}

/// The fields of `/proc/{pid}/stat` that count.
struct Stat {
    parent: u32,
    own: u64,
    of_ended_children: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in parentheses and may hold anything, also parentheses.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        own: number(11)? + number(12)?,
        of_ended_children: number(13)? + number(14)?,
    })
}

/// What one process has used, with all its threads.
pub(crate) fn of_process(pid: u32) -> Ticks {
    Ticks(stat(pid).map_or(0, |stat| stat.own))
}

/// What a process and all its children have used, those that have ended as well.
pub(crate) fn of_family(pid: u32) -> Ticks {
    let Some(parent) = stat(pid) else { return Ticks::default() };
    let children: u64 = children(pid).into_iter().filter_map(stat).map(|child| child.own).sum();
    Ticks(parent.own + parent.of_ended_children + children)
}

/// The children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    processes().filter(|pid| stat(*pid).is_some_and(|stat| stat.parent == parent)).collect()
}

/// The parent of a process, if it can be seen from here.
pub(crate) fn parent(pid: u32) -> Option<u32> {
    stat(pid).map(|stat| stat.parent)
}

/// The name of a process's program.
pub(crate) fn program(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned())
}

/// The memory of a process that is in RAM, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
