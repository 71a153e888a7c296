//! Very many devices wait: the memory they take, how soon they are answered, and how soon a new server is there.

use std::time::Duration;

use super::pending_poll::Polls;
use super::{Stage, start};
use crate::Fault;
use crate::connection::Connection;
use crate::device;
use crate::drive::{Pace, drive};
use crate::figures::percentile;

/// The interval that devices keep.
const INTERVAL_SECONDS: u32 = 5;
/// A rate that one server surely keeps up with on one core.
const COMFORTABLE: f64 = 5_000.0;

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// How many devices wait.
    pub(crate) devices: usize,
    /// Memory of the server, in MiB.
    pub(crate) resident_mb: f64,
    /// Memory for each device, in bytes.
    pub(crate) bytes_per_device: f64,
    /// Polls a second.
    pub(crate) rate: f64,
    /// Half of the polls at that rate were answered within so many milliseconds.
    pub(crate) poll_p50_ms: f64,
    /// All but one in a hundred.
    pub(crate) poll_p99_ms: f64,
    /// Wrong answers.
    pub(crate) failed: usize,
    /// How long a new server took from its start to its first answer, on a database with so many sessions.
    pub(crate) start_up_ms: f64,
}

/// Lets devices start and wait, and polls them at the rate they would, as far as one core can answer it.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) async fn measure(stage: &mut Stage) -> Result<Waiting, Fault> {
    let devices = stage.extent.devices;
    let server = stage.server(INTERVAL_SECONDS)?;
    // Whatever the first requests need is there before the devices come.
    start::many(&server, 100).await?;
    let at_first = server.resident_bytes();
    let codes = start::many(&server, devices).await?;
    let resident = server.resident_bytes();

    let due = devices as f64 / f64::from(INTERVAL_SECONDS);
    let mut work = Polls::new(codes);
    let mut rate = due;
    if due > COMFORTABLE {
        work = work.limited(devices / 4);
        let (returned, tally) = drive(&[server.address], Pace::Closed(16), stage.extent.round, work).await?;
        let possible = tally.requests() as f64 / tally.elapsed.as_secs_f64();
        rate = due.min(possible / 2.0);
        work = returned.limited(usize::MAX);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is some thousands")]
    let pace = Pace::Fixed(rate as u32, 64);
    let limit = stage.extent.round * 2;
    let (_, tally) = drive(&[server.address], pace, limit, work).await?;
    super::complain(&tally.failures);

    let begin = std::time::Instant::now();
    let another = stage.server(INTERVAL_SECONDS)?;
    let answer = Connection::open(another.address).await?.send(&device::start()).await?;
    device::device_code(&answer)?;
    let start_up_ms = begin.elapsed().as_secs_f64() * 1_000.0;
    another.stop()?;
    server.stop()?;
    Ok(Waiting {
        devices,
        resident_mb: resident as f64 / 1_048_576.0,
        bytes_per_device: resident.saturating_sub(at_first) as f64 / devices as f64,
        rate: tally.requests() as f64 / tally.elapsed.as_secs_f64(),
        poll_p50_ms: percentile(&tally.latencies, 0.50),
        poll_p99_ms: percentile(&tally.latencies, 0.99),
        failed: tally.failed(),
        start_up_ms,
    })
}
