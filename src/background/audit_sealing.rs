//! Seals the events of the audit trail, every few seconds, and warns while that fails or events are refused.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::audit_trail::seal::seal_waiting;
use crate::store::memory::sealing_watch::SealingError;

const EVERY: Duration = Duration::from_secs(5);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    // An attempt may hang; whether it does is looked at beside it.
    tokio::join!(seal(&app, &stop), warn(&app, &stop));
}

async fn seal(app: &App, stop: &CancellationToken) {
    while !rest(stop).await {
        match seal_waiting(app).await {
            Ok(sealing) => {
                metrics::counter!("latchkey_audit_events_sealed_total").increment(sealing.sealed as u64);
            }
            Err(error) => tracing::warn!(%error, "audit events not sealed; will retry"),
        }
    }
}

async fn warn(app: &App, stop: &CancellationToken) {
    let mut known = BTreeSet::new();
    while !rest(stop).await {
        let (mut stalled_for, mut refused) = (0.0, 0.0);
        let now = app.clock.now();
        let concerns = app.audit_sealing.concerns(now);
        for concern in &concerns {
            match concern {
                SealingError::Stalled(since) => stalled_for = (now - *since).as_seconds_f64(),
                #[expect(clippy::cast_precision_loss, reason = "a number of events")]
                SealingError::Refused(events) => refused = *events as f64,
            }
            if !known.contains(&concern.to_string()) {
                tracing::error!(cause = %concern, "audit log cannot be trusted");
            }
        }
        known = concerns.iter().map(SealingError::to_string).collect();
        metrics::gauge!("latchkey_audit_sealing_stalled_seconds").set(stalled_for);
        metrics::gauge!("latchkey_audit_events_refused").set(refused);
    }
}

/// Waits for the next turn. Returns `true` if the server stops.
async fn rest(stop: &CancellationToken) -> bool {
    tokio::select! {
        () = tokio::time::sleep(EVERY) => false,
        () = stop.cancelled() => true,
    }
}
