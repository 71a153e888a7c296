//! What the tool's own child processes do.

pub(crate) mod bound;
pub(crate) mod ceiling;
pub(crate) mod serve;

use std::io::{BufRead, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::Fault;
use crate::cores;
use crate::options::Role;

/// Does what the role asks, on its cores, until the parent's pipe closes.
pub(crate) fn play(role: Role, on: &[usize]) -> Result<(), Fault> {
    if !on.is_empty() {
        cores::pin(on)?;
    }
    // The same runtime as the product's.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match role {
        Role::Serve => runtime.block_on(serve::run(instructions()?, until_abandoned())),
        Role::Ceiling => runtime.block_on(ceiling::run(until_abandoned())),
        Role::Bound => runtime.block_on(bound::run(instructions()?)),
    }
}

fn instructions<T: DeserializeOwned>() -> Result<T, Fault> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Cancelled when the parent closes the pipe, or is gone.
fn until_abandoned() -> CancellationToken {
    let stop = CancellationToken::new();
    let abandoned = stop.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        abandoned.cancel();
    });
    stop
}

/// Tells the parent something.
fn say(words: &impl Serialize) -> Result<(), Fault> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(words)?)?;
    Ok(output.flush()?)
}
