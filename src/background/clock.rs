//! Compares the computer's clock with the database's twice a minute, and at once when the computer's was set or the
//! machine was asleep.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::clock_difference::{Gravity, gravity, measure, sentence};

const EVERY: Duration = Duration::from_secs(30);
/// How often to look whether the clock was set; nobody is asked for that.
const LOOK: Duration = Duration::from_secs(1);
/// A difference that comes between two looks only if a clock was set, and a change that the log says.
const LEAP: TimeDelta = TimeDelta::seconds(1);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    let (mut measured_at, mut expected, mut said) = (Instant::now(), app.clock.lead(), TimeDelta::zero());
    loop {
        tell(&app, &mut said);
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled() => break,
        }
        let has_leapt = (app.clock.lead() - expected).abs() >= LEAP;
        if measured_at.elapsed() < EVERY && !has_leapt {
            continue;
        }
        match stop.run_until_cancelled(measure(&app)).await {
            None => break,
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%error, "clocks not compared; will retry"),
        }
        (measured_at, expected) = (Instant::now(), app.clock.lead());
    }
}

/// Says in the log when the difference has become another one.
fn tell(app: &App, said: &mut TimeDelta) {
    let lead = app.clock.lead();
    metrics::gauge!("latchkey_clock_lead_seconds").set(lead.as_seconds_f64());
    let (before, now) = (gravity(*said), gravity(lead));
    if before == now && (lead - *said).abs() < LEAP {
        return;
    }
    match now {
        Gravity::None if before == Gravity::None => return,
        Gravity::None => tracing::info!("clocks of this server and the database agree"),
        Gravity::Notable => tracing::warn!("{}", sentence(lead)),
        Gravity::Serious => tracing::error!("{}", sentence(lead)),
    }
    *said = lead;
}
