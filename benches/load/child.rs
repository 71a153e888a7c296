//! Processes that the tool starts: itself again, in another role. The first line of a child's standard input
//! says what to do; when that input ends, however this process ended, so does the child.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Fault;
use crate::accounting::{self, Ticks};
use crate::cores;
use crate::options::Role;

/// How long a server may take to finish what is under way.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first thing a server says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// A process in another role.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a process and tells it what to do.
    pub(crate) fn start(role: Role, instructions: &impl Serialize) -> Result<Self, Fault> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--role", role.as_str()])
            .args(cores::for_servers().iter().map(|core| format!("--core={core}")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = child.stdin.take().zip(child.stdout.take()).ok_or("a child without pipes")?;
        let mut process = Self { child, input: Some(input), output: BufReader::new(output) };
        let instructions = serde_json::to_string(instructions)?;
        if let Some(input) = &mut process.input {
            writeln!(input, "{instructions}")?;
        }
        Ok(process)
    }

    /// Waits for the next line that it says.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T, Fault> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err("a process that the tool had started ended by itself".into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), Fault> {
        self.input = None;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err("a server did not stop when it was asked to".into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server under load.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(role: Role, instructions: &impl Serialize) -> Result<Self, Fault> {
        let mut process = Process::start(role, instructions)?;
        let Listening { address } = process.hear()?;
        Ok(Self { process, address })
    }

    /// The processor time it has used.
    pub(crate) fn cpu(&self) -> Ticks {
        accounting::of_process(self.process.pid())
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        accounting::resident_bytes(self.process.pid()).unwrap_or(0)
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(self) -> Result<(), Fault> {
        self.process.stop()
    }
}
