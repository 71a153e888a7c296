//! Reads the tenants' themes again when they change: looked at every ten seconds.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

const EVERY: Duration = Duration::from_secs(10);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let reading = Arc::clone(&app);
        if let Err(error) = tokio::task::spawn_blocking(move || reading.themes.reread()).await {
            tracing::error!(%error, "theme reload failed");
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
