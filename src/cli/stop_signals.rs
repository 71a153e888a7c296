//! The signals that ask a command to stop: SIGTERM, SIGINT (Ctrl-C) and SIGHUP (the terminal was closed). Their default
//! action would end the process at once and leave its embedded PostgreSQL running.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::outcome::Outcome;

/// The bit of SIGHUP, number 1, in a mask of signals.
const HANGUP_BIT: u64 = 1;

/// A listener for the three signals. From its creation on they no longer end the process.
#[derive(Debug)]
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` where the process was started with SIGHUP ignored, as by `nohup`: it is to outlive its terminal.
    hangup: Option<Signal>,
}

impl StopSignals {
    pub(super) fn listen() -> io::Result<Self> {
        let is_ignored =
            std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status));
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_ignored { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Waits for one of them and returns its name.
    pub(super) async fn received(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            name = Self::hung_up(&mut self.hangup) => name,
        }
    }

    /// Waits for SIGTERM or SIGHUP: Ctrl-C is for the program that runs in our place.
    pub(super) async fn received_but_interrupt(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            name = Self::hung_up(&mut self.hangup) => name,
        }
    }

    /// Runs `work` to its end or until a signal arrives. Work that is given up asks its embedded database to stop.
    pub(super) async fn or_stop<T>(&mut self, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        tokio::select! {
            outcome = work => outcome,
            name = self.received() => Err(format!("stopped by {name}").into()),
        }
    }

    async fn hung_up(hangup: &mut Option<Signal>) -> &'static str {
        match hangup {
            Some(hangup) => {
                hangup.recv().await;
                "SIGHUP"
            }
            None => std::future::pending().await,
        }
    }
}

/// Whether this `/proc/PID/status` says that SIGHUP is ignored.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & HANGUP_BIT != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_hangup_is_recognized_by_its_bit() {
        for (status, ignored) in [
            ("Name:\tsh\nSigIgn:\t0000000000000001\n", true),
            ("Name:\tsh\nSigIgn:\t0000000000001001\n", true),
            ("Name:\tsh\nSigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n", false),
            ("", false),
        ] {
            assert_eq!(ignores_hangup(status), ignored, "{status:?}");
        }
    }
}
