//! Reads remembered sessions anew, each every half minute, and forgets the expired ones.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::device_flow::bookkeeping::reread_due;

const EVERY: Duration = Duration::from_secs(1);
/// The most sessions in one statement.
const MAX_BATCH: usize = 2_000;
/// The most statements in one go.
const MAX_ROUNDS: usize = 50;

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        for _ in 0..MAX_ROUNDS {
            match reread_due(&app, MAX_BATCH).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "sessions could not be read anew");
                    break;
                }
            }
        }
        let remembered = u32::try_from(app.sessions.len()).unwrap_or(u32::MAX);
        metrics::gauge!("latchkey_remembered_sessions").set(remembered);
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
