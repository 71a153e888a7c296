//! Writes down what has happened, every few seconds, and what is left when the server stops.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::activity::write;

const EVERY: Duration = Duration::from_secs(5);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        let stopping = stop.is_cancelled();
        if let Err(error) = write(&app).await {
            tracing::warn!(%error, "activity counts not saved; will retry");
        }
        if stopping {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}
