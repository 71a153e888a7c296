//! Seals the events of the audit trail, every few seconds. Of several servers one does it; the others pass over.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::audit_trail::seal::seal_batch;

const EVERY: Duration = Duration::from_secs(5);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => break,
        }
        loop {
            match seal_batch(&app).await {
                Ok(0) => break,
                Ok(events) => {
                    metrics::counter!("latchkey_audit_events_sealed_total").increment(events as u64);
                }
                Err(error) => {
                    tracing::warn!(%error, "audit events were not sealed; they wait");
                    break;
                }
            }
            if stop.is_cancelled() {
                break;
            }
        }
    }
}
