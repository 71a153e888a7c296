//! Reads remembered sessions anew, each every half minute, and forgets the expired ones.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::device_flow::bookkeeping::reread_due;
use crate::store::connections::unattended;

/// How soon to look again when nothing is due.
const IDLE: Duration = Duration::from_secs(1);
/// The pause after each statement: with a million sessions thirty thousand are due each second, and read in one go
/// they would keep a core of the database to themselves for a good part of it.
const PAUSE: Duration = Duration::from_millis(5);
/// The most sessions in one statement.
const MAX_BATCH: usize = 250;

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let looked_at = unattended(reread_due(&app, MAX_BATCH)).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "pending authorizations not refreshed");
            0
        });
        let remembered = u32::try_from(app.sessions.len()).unwrap_or(u32::MAX);
        metrics::gauge!("latchkey_remembered_sessions").set(remembered);
        tokio::select! {
            () = tokio::time::sleep(if looked_at == 0 { IDLE } else { PAUSE }) => {}
            () = stop.cancelled() => {}
        }
    }
}
