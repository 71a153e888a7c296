//! Refunds attempts that cost nothing, as soon as there are any.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::domain::guards::settlements;

/// The pause after a failure. Until then a further attempt carries along the refunds that concern it.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

pub(super) async fn run(app: Arc<App>, stop: CancellationToken) {
    loop {
        let stopping = stop.is_cancelled();
        let written = settlements::write(&app).await;
        if stopping {
            break;
        }
        let pause = async {
            match written {
                Ok(()) => app.settlements.news().await,
                Err(error) => {
                    tracing::warn!(%error, "attempts not refunded; will retry");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        };
        tokio::select! {
            () = pause => {}
            () = stop.cancelled() => {}
        }
    }
}
