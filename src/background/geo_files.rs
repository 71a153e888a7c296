//! Reads the files about addresses at start, and again when they change: looked at once a minute.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

const EVERY: Duration = Duration::from_mins(1);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let reading = Arc::clone(&app);
        if let Err(error) = tokio::task::spawn_blocking(move || reading.geo.reread()).await {
            tracing::error!(%error, "geo file reload failed");
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
