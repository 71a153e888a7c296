//! Compares the computer's clock with the database's twice a minute, and immediately when the computer's was set or the
//! machine was asleep.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::clock_difference::{Gravity, gravity, measure, sentence};

const EVERY: Duration = Duration::from_secs(30);
/// How often to check whether the clock was set; that needs no query.
const LOOK: Duration = Duration::from_secs(1);
/// A difference between two checks that only a set clock explains, and a change that the log reports.
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

/// Logs that the difference has changed.
fn tell(app: &App, said: &mut TimeDelta) {
    let lead = app.clock.lead();
    metrics::gauge!("latchkey_clock_lead_seconds").set(lead.as_seconds_f64());
    let (before, now) = (gravity(*said), gravity(lead));
    if before == now && (lead - *said).abs() < LEAP {
        return;
    }
    match now {
        Gravity::None if before == Gravity::None => return,
        Gravity::None => tracing::info!("clocks of instance and database agree"),
        Gravity::Notable => tracing::warn!("{}", sentence(lead)),
        Gravity::Serious => tracing::error!("{}", sentence(lead)),
    }
    *said = lead;
}
