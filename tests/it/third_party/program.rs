//! A program with libraries of one language. It runs the flow as often as it is told, side by side.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::patience::in_time;

type Listeners = Arc<Mutex<HashMap<u64, UnboundedSender<Value>>>>;

pub(super) struct Program {
    input: tokio::sync::Mutex<ChildStdin>,
    listeners: Listeners,
    /// What it has written to standard error.
    complaints: Arc<Mutex<String>>,
    runs: AtomicU64,
    _child: Child,
}

/// One run of the flow.
pub(super) struct Run<'a> {
    program: &'a Program,
    said: UnboundedReceiver<Value>,
}

impl Program {
    pub(super) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        let input = child.stdin.take().expect("standard input").into();
        let mut lines = BufReader::new(child.stdout.take().expect("standard output")).lines();
        let mut errors = child.stderr.take().expect("standard error");
        let (listeners, complaints): (Listeners, Arc<Mutex<String>>) = Default::default();
        let (telling, complaining) = (Arc::clone(&listeners), Arc::clone(&complaints));
        #[expect(clippy::disallowed_methods, reason = "both end with the program")]
        {
            tokio::spawn(async move {
                while let Ok(Some(line)) = lines.next_line().await {
                    let said: Value = serde_json::from_str(&line).expect("a line of JSON");
                    let run = said["run"].as_u64().expect("a run");
                    if let Some(listener) = locked(&telling).get(&run) {
                        let _ = listener.send(said);
                    }
                }
                locked(&telling).clear();
            });
            tokio::spawn(async move {
                let mut part = [0; 4096];
                while let Ok(length @ 1..) = errors.read(&mut part).await {
                    locked(&complaining).push_str(&String::from_utf8_lossy(&part[..length]));
                }
            });
        }
        Self { input, listeners, complaints, runs: AtomicU64::new(0), _child: child }
    }

    /// Starts a run.
    pub(super) async fn run(&self, mut told: Value) -> Run<'_> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let (listener, said) = unbounded_channel();
        locked(&self.listeners).insert(run, listener);
        told["run"] = json!(run);
        self.input.lock().await.write_all(format!("{told}\n").as_bytes()).await.expect("it listens");
        Run { program: self, said }
    }
}

impl Run<'_> {
    /// The next thing that the program says of this run.
    pub(super) async fn says(&mut self) -> Value {
        let said = in_time("the program says something", self.said.recv()).await;
        said.unwrap_or_else(|| panic!("the program has ended: {}", locked(&self.program.complaints)))
    }

    /// What came of it.
    pub(super) async fn outcome(&mut self) -> Result<Value, String> {
        let said = self.says().await;
        match said["failure"].as_str() {
            Some(failure) => Err(failure.to_owned()),
            None => Ok(said["outcome"].clone()),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
