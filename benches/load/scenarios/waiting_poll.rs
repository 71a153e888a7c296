//! A device waits (`Prefer: wait=30`) at one server, and somebody approves elsewhere: how soon has it its tokens? And how
//! much memory does a server need for each of many that wait?

use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::task::{JoinHandle, LocalSet, spawn_local};

use super::{Stage, start};
use crate::Fault;
use crate::child::Server;
use crate::connection::Connection;
use crate::database::seed;
use crate::device;
use crate::figures::percentile;

/// How many devices wait at once.
const AT_ONCE: usize = 100;
/// How many wait at once where their memory is measured: well below the usual limits on open files.
const HELD: usize = 6_000;
/// People do not approve all at the same moment.
const PAUSE: Duration = Duration::from_millis(5);

/// How soon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitingPoll {
    /// Half of them had their tokens so many milliseconds after the approval was sent to the database.
    pub(crate) p50_ms: f64,
    /// All but one in a hundred.
    pub(crate) p99_ms: f64,
    /// How many were measured.
    pub(crate) devices: usize,
    /// How many waited at once while the memory was measured.
    pub(crate) held: usize,
    /// The server's memory for each of them, in bytes, its connection included.
    pub(crate) bytes_of_each: f64,
}

/// Starts at one server, waits at another, approves in the database as a third would. The time begins before the
/// approval is written, so it has the commit in it. The first round is not counted: each of a server's connections plans
/// its statements once.
pub(crate) async fn measure(stage: &mut Stage) -> Result<WaitingPoll, Fault> {
    let (first, second) = (stage.server(5)?, stage.server(5)?);
    let db = stage.databases.served.pool.clone();
    LocalSet::new().run_until(round(&first, &second, &db, AT_ONCE)).await?;
    let mut micros = Vec::new();
    while micros.len() < stage.extent.approvals {
        let count = AT_ONCE.min(stage.extent.approvals - micros.len());
        micros.extend(LocalSet::new().run_until(round(&first, &second, &db, count)).await?);
    }
    first.stop()?;
    second.stop()?;
    let (p50_ms, p99_ms) = (percentile(&micros, 0.50), percentile(&micros, 0.99));
    let (held, bytes_of_each) = memory(stage).await?;
    Ok(WaitingPoll { p50_ms, p99_ms, devices: micros.len(), held, bytes_of_each })
}

/// How many polls wait, and how many bytes each of them takes.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
async fn memory(stage: &Stage) -> Result<(usize, f64), Fault> {
    let server = stage.server(5)?;
    let codes = start::many(&server, HELD).await?;
    // Whatever the first of them need is there before the others come.
    let (first, others) = codes.split_at(HELD / 10);
    let local = LocalSet::new();
    let waiting = async {
        let mut waiting = hold(&server, first).await?;
        let before = server.resident_bytes();
        waiting.extend(hold(&server, others).await?);
        let taken = server.resident_bytes().saturating_sub(before);
        let ended = waiting.iter().filter(|poll| poll.is_finished()).count();
        if ended > 0 {
            return Err(format!("{ended} polls did not wait").into());
        }
        Ok::<_, Fault>(taken as f64 / others.len() as f64)
    };
    let bytes = local.run_until(waiting).await?;
    drop(local);
    server.stop()?;
    Ok((others.len(), bytes))
}

/// Lets a device wait for each of these codes, on a connection of its own.
async fn hold(server: &Server, codes: &[String]) -> Result<Vec<JoinHandle<Result<(), Fault>>>, Fault> {
    let mut waiting = Vec::new();
    for code in codes {
        let (form, mut connection) = (device::patient_poll(code), Connection::open(server.address).await?);
        waiting.push(spawn_local(async move { connection.send(&form).await.map(drop) }));
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Ok(waiting)
}

/// How many microseconds it took each of `count` devices.
async fn round(first: &Server, second: &Server, db: &PgPool, count: usize) -> Result<Vec<u32>, Fault> {
    let codes = start::many(first, count).await?;
    let waiting: Vec<_> = codes
        .iter()
        .map(|code| {
            let (form, address) = (device::patient_poll(code), second.address);
            spawn_local(async move {
                let answer = Connection::open(address).await?.send(&form).await?;
                let arrived = Instant::now();
                device::refresh_token(&answer)?;
                Ok::<_, Fault>(arrived)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut approved = Vec::new();
    for code in &codes {
        let sent = Instant::now();
        seed::approve(db, &seed::authorizations([code])?).await?;
        approved.push(sent);
        tokio::time::sleep(PAUSE).await;
    }
    let mut micros = Vec::new();
    for (device, sent) in waiting.into_iter().zip(approved) {
        let took = (device.await??).saturating_duration_since(sent);
        micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }
    Ok(micros)
}
